//! One option at a time: each quality of its value, and each place that a line can stand at.

use moskit::catalogue::{Kind, OptionId, Scope, options};

use super::case::{Case, Entry};
use super::draft::{Dice, Draft};
use super::values::{self, Quality};

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the block that it belongs to.
    Right,
    /// Alone in the file.
    Alone,
    /// Above the block that it belongs to.
    Above,
    /// Below a `listener`.
    Listener,
    /// Below a `port`.
    Port,
    /// Below a bridge, which stands below a listener.
    Bridge,
    /// In an included file without blocks.
    Included,
    /// In its block, below an `include_dir` that adds a listener.
    AfterInclude,
    /// In its block, with `per_listener_settings true`.
    PerListener,
    /// Above the block, with `per_listener_settings true`.
    PerListenerAbove,
    /// Above `per_listener_settings true`.
    BeforePerListener,
}

pub(super) const PLACES: [Place; 11] = [
    Place::Right,
    Place::Alone,
    Place::Above,
    Place::Listener,
    Place::Port,
    Place::Bridge,
    Place::Included,
    Place::AfterInclude,
    Place::PerListener,
    Place::PerListenerAbove,
    Place::BeforePerListener,
];

/// The block that an option belongs to.
fn open_block(option: OptionId, draft: &mut Draft, dice: &mut Dice) {
    match option.entry().scope {
        Scope::Listener | Scope::Security => {
            draft.listener();
        }
        Scope::Plugin => {
            draft.listener().line(dice.pick(&["plugin ./missing.so", "auth_plugin ./missing.so"]));
        }
        Scope::Bridge => {
            let number = draft.fresh();
            draft.listener().line(format!("connection b{number}"));
            if option != options::ADDRESS {
                draft.line("address 127.0.0.1:1");
            }
            if option != options::TOPIC {
                draft.line(format!("topic {}", values::topic_that_loads(dice)));
            }
        }
        Scope::Global | Scope::Structure | Scope::PluginDeclaration => {
            if dice.percent(70) {
                draft.listener();
            }
        }
    }
}

/// Lines that an option is of no use without, or that others demand because of it.
fn companions(option: OptionId, draft: &mut Draft, dice: &mut Dice) {
    let pair = |draft: &mut Draft| {
        let (certificate, key) = (draft.pool("server.crt"), draft.pool("server.key"));
        draft.line(format!("certfile {certificate}")).line(format!("keyfile {key}"));
    };
    match option {
        options::CERTFILE => {
            let key = draft.pool("server.key");
            draft.line(format!("keyfile {key}"));
        }
        options::KEYFILE => {
            let certificate = draft.pool("server.crt");
            draft.line(format!("certfile {certificate}"));
        }
        options::CAFILE | options::CAPATH => pair(draft),
        options::CRLFILE
        | options::TLS_VERSION
        | options::CIPHERS
        | options::CIPHERS_TLS1_3
        | options::DHPARAMFILE
        | options::REQUIRE_CERTIFICATE
        | options::TLS_KEYFORM
        | options::TLS_ENGINE
        | options::USE_IDENTITY_AS_USERNAME
            if dice.percent(75) =>
        {
            pair(draft);
        }
        options::BRIDGE_PSK => {
            draft.line("bridge_identity me");
        }
        options::BRIDGE_IDENTITY => {
            draft.line("bridge_psk 0a1b");
        }
        options::HTTP_DIR if dice.percent(60) => {
            draft.line("protocol websockets").listener();
        }
        options::PLUGIN | options::GLOBAL_PLUGIN if dice.percent(50) => {
            draft.line("plugin_opt_key value");
        }
        _ => {}
    }
}

/// Lines that must stand above the whole.
fn preparation(option: OptionId, draft: &mut Draft) {
    if option.entry().kind == Kind::PluginUse {
        draft.line("plugin_load plug ./missing.so");
    }
}

fn written(option: OptionId, quality: Quality, draft: &mut Draft, dice: &mut Dice) -> Vec<Vec<u8>> {
    let name = values::spelled(option, dice).into_bytes();
    let with = |value: Vec<u8>| [&name[..], b" ", &value].concat();
    match quality {
        Quality::Good => vec![with(values::good(option, draft, dice))],
        Quality::Bad => vec![with(values::bad(option, draft, dice))],
        Quality::Empty => vec![[&name[..], dice.pick(&["", " ", "   "]).as_bytes()].concat()],
        Quality::Twice => {
            let mut value = values::good(option, draft, dice);
            let first = with(value.clone());
            if dice.percent(50) {
                value = values::good(option, draft, dice);
            }
            vec![first, with(value)]
        }
    }
}

/// A case about one option.
pub(super) fn case(option: OptionId, quality: Quality, place: Place, dice: &mut Dice) -> Case {
    let about = format!("option/{}/{quality:?}/{place:?}", option.name()).to_lowercase();
    let mut draft = Draft::new(about);
    let lines = written(option, quality, &mut draft, dice);
    preparation(option, &mut draft);
    let top = draft.lines.len();
    match place {
        Place::PerListener | Place::PerListenerAbove => {
            draft.insert(0, "per_listener_settings true");
        }
        _ => {}
    }
    match place {
        Place::Alone | Place::BeforePerListener => {}
        Place::Above | Place::PerListenerAbove | Place::Included => {}
        Place::Listener => {
            draft.listener();
        }
        Place::Port => {
            draft.line("port 24000");
        }
        Place::Bridge => {
            draft.listener().bridge();
        }
        Place::Right | Place::PerListener | Place::AfterInclude => open_block(option, &mut draft, dice),
    }
    match place {
        Place::Included => {
            let file = [lines.join(&b'\n'), b"\n".to_vec()].concat();
            draft.file(Entry::text("inc/x.conf", file));
            if dice.percent(70) {
                open_block(option, &mut draft, dice);
            }
            draft.line("include_dir inc");
        }
        Place::AfterInclude => {
            draft.file(Entry::text("inc/x.conf", "listener 24001 127.0.0.1\n"));
            draft.line("include_dir inc");
            lines.iter().for_each(|line| _ = draft.line(line));
        }
        _ => lines.iter().for_each(|line| _ = draft.line(line)),
    }
    match place {
        Place::Above | Place::PerListenerAbove => open_block(option, &mut draft, dice),
        Place::BeforePerListener => {
            draft.line("per_listener_settings true");
            open_block(option, &mut draft, dice);
        }
        Place::Right | Place::PerListener | Place::Listener => companions(option, &mut draft, dice),
        _ => {}
    }
    season(&mut draft, top, dice);
    draft.done()
}

/// Lines that every release takes wherever they stand.
const HARMLESS: &[&str] = &[
    "",
    "# a comment",
    "connection_messages true",
    "sys_interval 3",
    "log_type all",
    "max_queued_messages 50",
    "   ",
    "autosave_interval 60",
    "set_tcp_nodelay true",
    "persistence false",
    "retain_available true",
    "#",
    "queue_qos0_messages false",
];

/// Strews harmless lines in.
pub(super) fn season(draft: &mut Draft, top: usize, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let at = top + dice.below(draft.lines.len() + 1 - top);
        draft.insert(at, dice.pick(HARMLESS));
    }
}
