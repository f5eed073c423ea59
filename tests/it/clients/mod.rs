//! Clients of others on the built-in broker: Debian's `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr`,
//! paho-mqtt and rumqttc, over each transport, in each version of MQTT, with each quality of service; and all
//! that is to be refused.

mod ground;
mod paho;
mod rumqtt;
mod tools;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moskit::broker::wire::Version;

use ground::{Approach, Ground, TRANSPORTS, Transport, USER, VERSIONS, version_name};

use crate::real;

/// Programs and libraries that are clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Mosquitto,
    Paho,
    Rumqttc,
}

const FAMILIES: [Family; 3] = [Family::Mosquitto, Family::Paho, Family::Rumqttc];

impl Family {
    /// Whether it is installed; says so if not.
    fn is_there(self) -> bool {
        let (is_there, package) = match self {
            Self::Mosquitto => (tools::are_there(), "mosquitto-clients"),
            Self::Paho => (paho::is_there(), "python3-paho-mqtt"),
            Self::Rumqttc => (true, ""),
        };
        assert!(
            is_there || !real::is_required(),
            "{package} is not installed, and MOSKIT_REQUIRE_BROKER is set"
        );
        if !is_there {
            eprintln!("not run: clients on the built-in broker: {package} is not installed");
        }
        is_there
    }

    /// Why it cannot come that way, if it cannot.
    fn hindrance(self, transport: &Transport, version: Version) -> Option<&'static str> {
        match self {
            Self::Mosquitto if transport.is_websocket => {
                Some("Debian's mosquitto clients are built without WebSockets")
            }
            Self::Paho if transport.name == "unix" => Some("paho-mqtt 1.6 knows no unix sockets"),
            Self::Rumqttc if version == Version::V31 => Some("rumqttc knows MQTT 3.1.1 and 5 only"),
            _ => None,
        }
    }

    /// How many clients try to come in for one refusal.
    fn knocks(self) -> usize {
        if self == Self::Mosquitto { tools::NAMES.len() } else { 1 }
    }

    /// Does what is to be done, and tells by its name what came of each.
    fn work(self, jobs: &[Job<'_>]) -> Vec<Outcome> {
        match self {
            Self::Mosquitto => each(jobs, tools::work),
            Self::Paho => paho::work(jobs),
            Self::Rumqttc => each(jobs, rumqtt::work),
        }
    }
}

/// Something that is to be refused, and how that shows.
struct Refusal {
    name: &'static str,
    concerns: fn(&Transport) -> bool,
    /// Makes it of an approach that is let in.
    change: fn(&mut Approach<'_>),
    /// What the broker says in its log.
    log: &'static str,
    /// Words of Mosquitto's clients.
    mosquitto: &'static str,
    /// The statuses that they end with, before MQTT 5 and in it.
    statuses: [&'static [i32]; 2],
    /// Words of paho-mqtt or of Python's `ssl`.
    paho: &'static str,
    /// Words of rumqttc or rustls.
    rumqttc: &'static str,
}

const BAD_LOGIN: Refusal = Refusal {
    name: "wrong password",
    concerns: |transport| !transport.is_identity,
    change: |approach| approach.login = Some((USER, "wrong")),
    log: "is not let in",
    mosquitto: "Connection error: ",
    statuses: [&[5], &[135]],
    paho: "not authorised",
    rumqttc: "ConnectionRefused(NotAuthorized)",
};
const BAD_CERTIFICATE: Refusal = Refusal {
    name: "certificate of another authority",
    concerns: |transport| transport.is_mutual,
    change: |approach| approach.shows = Some("stranger"),
    log: "certificate is of no trusted authority",
    mosquitto: "The connection was lost",
    statuses: [&[7], &[7]],
    paho: "TLSV1_ALERT_UNKNOWN_CA",
    rumqttc: "AlertReceived(UnknownCA)",
};

const REFUSALS: [Refusal; 8] = [
    BAD_LOGIN,
    Refusal {
        name: "unknown user",
        change: |approach| approach.login = Some(("nobody", ground::PASSWORD)),
        ..BAD_LOGIN
    },
    Refusal { name: "anonymous", change: |approach| approach.login = None, ..BAD_LOGIN },
    Refusal {
        name: "broker of an authority that the client does not trust",
        concerns: |transport| transport.has_tls,
        change: |approach| approach.trusts = "strangers.crt",
        log: "received fatal alert: UnknownCA",
        mosquitto: "A TLS error occurred",
        // 1 where it fails while the program still begins.
        statuses: [&[1, 8], &[1, 8]],
        paho: "CERTIFICATE_VERIFY_FAILED",
        rumqttc: "UnknownIssuer",
    },
    BAD_CERTIFICATE,
    Refusal {
        name: "no certificate",
        change: |approach| approach.shows = None,
        log: "the client showed no certificate",
        paho: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        rumqttc: "AlertReceived(CertificateRequired)",
        ..BAD_CERTIFICATE
    },
    Refusal {
        name: "expired certificate",
        change: |approach| approach.shows = Some("expired"),
        log: "certificate is expired",
        paho: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        rumqttc: "AlertReceived(CertificateExpired)",
        ..BAD_CERTIFICATE
    },
    Refusal {
        name: "revoked certificate",
        change: |approach| approach.shows = Some("revoked"),
        log: "certificate is revoked",
        paho: "SSLV3_ALERT_CERTIFICATE_REVOKED",
        rumqttc: "AlertReceived(CertificateRevoked)",
        ..BAD_CERTIFICATE
    },
];

/// What a client has to do.
struct Job<'a> {
    name: String,
    approach: Approach<'a>,
    task: Task,
}

#[derive(Clone, Copy)]
enum Task {
    /// A conversation under a topic of its own: a retained message, a request and its answer, perhaps a large
    /// message, and a will.
    Converse { qos: u8, place: usize, has_large: bool },
    /// An attempt to come in.
    BeRefused(&'static Refusal),
}

/// The name of a job, and what went wrong.
type Outcome = (String, Result<(), String>);

/// All conversations of a family, or all attempts that are to be refused. What it cannot do is told in
/// `hindrances`.
fn jobs<'a>(
    family: Family,
    ground: &'a Ground,
    tasks: fn(&Transport, usize) -> Vec<(String, Task)>,
    hindrances: &mut BTreeMap<&'static str, usize>,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for transport in &TRANSPORTS {
        for (at, version) in VERSIONS.into_iter().enumerate() {
            let tasks = tasks(transport, at);
            if let Some(reason) = family.hindrance(transport, version) {
                *hindrances.entry(reason).or_default() += tasks.len();
                continue;
            }
            for (what, task) in tasks {
                let mut approach = ground.approach(transport, version);
                if let Task::BeRefused(refusal) = task {
                    (refusal.change)(&mut approach);
                }
                let name = format!("{family:?} {} {} {what}", transport.name, version_name(version));
                jobs.push(Job { name, approach, task });
            }
        }
    }
    jobs
}

/// Each quality of service; a large message goes with one of them.
fn conversations(_: &Transport, version: usize) -> Vec<(String, Task)> {
    let converse = |qos: u8| {
        let has_large = usize::from(qos) == version;
        let place = NEXT_PLACE.fetch_add(1, Ordering::Relaxed);
        (format!("qos {qos}"), Task::Converse { qos, place, has_large })
    };
    (0..3).map(converse).collect()
}

/// The number of the topic that the next conversation is held under.
static NEXT_PLACE: AtomicUsize = AtomicUsize::new(0);

fn refusals(transport: &Transport, _: usize) -> Vec<(String, Task)> {
    let concerned = REFUSALS.iter().filter(|refusal| (refusal.concerns)(transport));
    concerned.map(|refusal| (refusal.name.to_owned(), Task::BeRefused(refusal))).collect()
}

/// Does jobs, several at once: they mostly wait.
fn each(jobs: &[Job<'_>], work: fn(&Job<'_>) -> Result<(), String>) -> Vec<Outcome> {
    let next = Mutex::new(jobs.iter());
    let worker = || {
        let mut outcomes = Vec::new();
        while let Some(job) = { next.lock().unwrap().next() } {
            outcomes.push((job.name.clone(), work(job)));
        }
        outcomes
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// Whether all jobs were done, and done well.
fn check<'a>(jobs: impl Iterator<Item = &'a Job<'a>>, outcomes: &[Outcome], log: &str) {
    let times = |name: &str| outcomes.iter().filter(|(done, _)| done == name).count();
    let missing: Vec<&str> = jobs.map(|job| job.name.as_str()).filter(|name| times(name) != 1).collect();
    let failed = outcomes.iter().filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
    let failed: Vec<String> = failed.map(|(name, why)| format!("{name}: {why}")).collect();
    let tail: Vec<&str> = log.lines().rev().take(40).collect();
    assert!(
        failed.is_empty() && missing.is_empty(),
        "{} of {} failed:\n{}\nnot done: {missing:?}\nthe broker's last words, latest first:\n{}",
        failed.len(),
        outcomes.len(),
        failed.join("\n"),
        tail.join("\n")
    );
}

/// Lets all families at their jobs, side by side. Gives who was refused, and why.
fn let_work(
    what: &str,
    ground: &Ground,
    tasks: fn(&Transport, usize) -> Vec<(String, Task)>,
) -> Vec<(Family, &'static Refusal)> {
    let mut hindrances = BTreeMap::new();
    let families = FAMILIES.into_iter().filter(|family| family.is_there());
    let work: Vec<_> =
        families.map(|family| (family, jobs(family, ground, tasks, &mut hindrances))).collect();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let running: Vec<_> = work.iter().map(|(family, jobs)| scope.spawn(|| family.work(jobs))).collect();
        running.into_iter().flat_map(|family| family.join().unwrap()).collect()
    });
    check(work.iter().flat_map(|(_, jobs)| jobs), &outcomes, &ground.log());
    for (family, jobs) in &work {
        println!("{what}: {family:?}: {}", jobs.len());
    }
    for (reason, count) in hindrances {
        println!("{what}: not possible: {count}: {reason}");
    }
    let all = work.iter().flat_map(|(family, jobs)| jobs.iter().map(move |job| (*family, job.task)));
    let refused = all.filter_map(|(family, task)| match task {
        Task::BeRefused(refusal) => Some((family, refusal)),
        Task::Converse { .. } => None,
    });
    refused.collect()
}

#[test]
fn clients_of_others_are_served_or_refused() {
    let ground = Ground::start();
    let_work("conversations", &ground, conversations);
    let refused = let_work("refusals", &ground, refusals);
    for refusal in &REFUSALS {
        let same = refused.iter().filter(|(_, other)| other.log == refusal.log);
        let expected: usize = same.map(|(family, _)| family.knocks()).sum();
        // Each for the reason that is meant and for no other; a client may be gone before the line is there.
        let began = Instant::now();
        let count = || ground.log().lines().filter(|line| line.contains(refusal.log)).count();
        while count() < expected && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(count(), expected, "{}:\n{}", refusal.name, ground.log());
    }
    rumqtt::nothing_came_of_refusals(ground.approach(&TRANSPORTS[0], Version::V5)).unwrap();
}
