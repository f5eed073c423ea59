//! Three deployments after real life, in `tests/deployments/`: who may what on which listener, by a table, by
//! [`moskit::access::decide`] over what each release makes of the files, by real brokers over real TLS, and by ours.

mod answers;
mod isolation;
mod material;

use std::path::PathBuf;

use moskit::catalogue::{Release, options};
use moskit::model::Deployment;
use moskit::text::disk::Disk;

use crate::decisions::ask::{Entry, Judge};
use crate::decisions::scene::{Question, decided, is_heard, lowered};
use crate::decisions::stage::{Program, within};
use crate::real;
use answers::{Answer, Row};
use material::Material;

/// A password file's name and its users.
type PasswordFile = (&'static str, &'static [&'static str]);

/// The deployments and the users of their password files.
const DEPLOYMENTS: [(&str, &[PasswordFile]); 3] = [
    ("home", &[("family", &["erika", "tim", "panel"])]),
    ("fleet", &[]),
    (
        "tenants",
        &[
            ("north", &["admin", "meter", "viewer"]),
            ("south", &["admin", "dash", "admin2"]),
            ("landlord", &["landlord", "billing"]),
        ],
    ),
];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deployments").join(name)
}

/// What we say to each row: who is let in under which name, then what it may do.
fn said(rows: &[Row], material: &Material, release: Release) -> Vec<Answer> {
    let deployment = lowered(&Disk::new(material.folder()), "mosquitto.conf", release);
    let answer = |row: &Row| {
        let listener = listener_of(&deployment, row);
        let Some(name) = material.name(&deployment, listener, row) else { return Answer::Out };
        let who = (name.as_deref(), row.client_id.as_str());
        let is_allowed = decided(&deployment, listener, who, row.way.action(), &row.topic).allowed;
        match is_allowed && is_heard(release, deployment.is_per_listener(), row.way) {
            true => Answer::Yes,
            false => Answer::No,
        }
    };
    rows.iter().map(answer).collect()
}

fn listener_of(deployment: &Deployment, row: &Row) -> usize {
    let mut ports = deployment.listeners.iter().map(|listener| listener.port);
    ports.position(|port| port == row.listener).expect("a listener of that port")
}

/// What a broker does.
fn done(rows: &[Row], material: &Material, program: &Program) -> Vec<Answer> {
    let deployment = lowered(&Disk::new(material.folder()), "mosquitto.conf", program.release());
    within("a deployment", async {
        let running = program.start(material.folder()).await;
        let endpoints = running.endpoints();
        let judge = Judge::enter(endpoints.last().unwrap()).await;
        let mut answers = Vec::new();
        for row in rows {
            let index = listener_of(&deployment, row);
            let listener = &deployment.listeners[index];
            let tls = listener.has_tls().then(|| material.side(listener.names_from_certificate(), row));
            let password = material.password(listener.security.as_ref(), row);
            let entry = Entry {
                endpoint: &endpoints[index],
                tls: tls.as_ref(),
                mount: listener.settings.text(options::MOUNT_POINT).map_or("", |mount| mount.value),
                user: row.user.as_deref().filter(|_| !listener.names_from_certificate()),
                password: password.as_deref(),
                client_id: &row.client_id,
            };
            if !entry.is_let_in().await {
                answers.push(Answer::Out);
                continue;
            }
            let question = Question { way: row.way, topic: row.topic.clone(), answers: Vec::new() };
            let is_yes = judge.ask(entry, &[question]).await.remove(0);
            answers.push(if is_yes { Answer::Yes } else { Answer::No });
        }
        answers
    })
}

/// Where answers are not those of the table.
fn differences(what: &str, rows: &[Row], release: Release, found: &[Answer]) -> Vec<String> {
    let column = Release::known().iter().position(|known| *known == release);
    // A release that nobody observed is held against the one before it.
    let column = column.unwrap_or_else(|| Release::known().partition_point(|known| *known < release) - 1);
    let rows = rows.iter().zip(found).filter(|(row, found)| row.answers[column] != **found);
    rows.map(|(row, found)| format!("{what}: {found:?}: {row:?}\n")).collect()
}

#[test]
fn who_may_what() {
    real::say_missing("deployments on real brokers");
    for (name, files) in DEPLOYMENTS {
        let rows = answers::read(&std::fs::read_to_string(folder(name).join("answers.txt")).unwrap());
        assert!(rows.len() >= 30);
        let material = Material::new(&folder(name), files);
        let mut wrong = Vec::new();
        for release in Release::known() {
            let what = format!("decide of {release} for {name}");
            wrong.extend(differences(&what, &rows, *release, &said(&rows, &material, *release)));
        }
        let real = real::brokers().iter().cloned().map(Program::Real);
        for program in real.chain(Release::known().iter().map(|release| Program::Moskit(*release))) {
            let found = done(&rows, &material, &program);
            wrong.extend(differences(&format!("{program:?} for {name}"), &rows, program.release(), &found));
        }
        assert!(wrong.is_empty(), "{}", wrong.concat());
    }
}
