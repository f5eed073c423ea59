//! Differences in running and reloading that hang on what is configured, and that no line can take back.

use super::{Item, ItemKind};
use crate::catalogue::{OptionId, Quirk, Release, Reload, options};
use crate::model::{Deployment, Listener, Lowered, Protocol, Setting, Settings, Value};
use crate::rules::lines_that_crash_a_reload;
use crate::text::Span;

/// A difference: the behaviour, where it shows, and what the releases with and without it do.
struct Difference {
    quirk: Quirk,
    place: fn(&Deployment) -> Option<Span>,
    with: &'static str,
    without: &'static str,
}

const DIFFERENCES: [Difference; 8] = [
    Difference {
        quirk: Quirk::ReloadFailsOpen,
        place: |deployment| of_security(deployment, &[options::ACL_FILE, options::PASSWORD_FILE]),
        with: "a reload that finds the file missing or broken goes on without it: without rights everything is allowed, \
               without passwords `allow_anonymous` alone says who is let in",
        without: "a reload that finds the file missing or broken ends the broker",
    },
    Difference {
        quirk: Quirk::ReloadResetsListenerLimits,
        place: |deployment| {
            of_limits(deployment, &[options::MAX_CONNECTIONS, options::MAX_QOS, options::MAX_TOPIC_ALIAS])
        },
        with: "a reload sets `max_connections`, `max_qos` and `max_topic_alias` of listeners back to their defaults",
        without: "a reload keeps the limits of listeners",
    },
    Difference {
        quirk: Quirk::MountPointKeptOnDelivery,
        place: |deployment| of_listeners(deployment, &[options::MOUNT_POINT]),
        with: "clients receive topics with the mount point in front",
        without: "clients receive topics without the mount point",
    },
    Difference {
        quirk: Quirk::LongKeepaliveTolerated,
        place: |deployment| of_global(deployment, &[options::MAX_KEEPALIVE]),
        with: "clients before MQTT 5 may ask for a longer keepalive, or for none",
        without: "clients before MQTT 5 that ask for a longer keepalive, or for none, are turned away",
    },
    Difference {
        quirk: Quirk::EndedConnectionsCountedTwice,
        place: |deployment| of_limits(deployment, &[options::MAX_CONNECTIONS]),
        with: "each connection that ends lets one more in than `max_connections` says",
        without: "`max_connections` is kept to",
    },
    Difference {
        quirk: Quirk::QueueCountsFlights,
        place: |deployment| of_global(deployment, &[options::MAX_QUEUED_MESSAGES, options::MAX_QUEUED_BYTES]),
        with: "the limits of queues count messages in flight, too",
        without: "the limits of queues count only what waits",
    },
    Difference {
        quirk: Quirk::QueuesLostPerListener,
        place: |deployment| {
            deployment.per_listener_settings.filter(|setting| setting.value).map(|setting| setting.span)
        },
        with: "what waits for the stored session of a client is lost when the client comes back, and a will that \
               waits is never sent",
        without: "what waits for the stored session of a client is delivered, and a will that waits is sent",
    },
    Difference {
        quirk: Quirk::WebsocketsByLibrary,
        place: |deployment| {
            let is_web = |protocol| protocol == Protocol::Websockets;
            deployment
                .listeners
                .iter()
                .find(|listener| is_web(listener.protocol))
                .map(|listener| listener.span)
        },
        with: "a library speaks WebSockets, and takes text frames, and requests for several subprotocols",
        without: "the broker speaks WebSockets itself, and is stricter with clients",
    },
];

/// The differences that show with a configuration.
pub(super) fn notes(from: &Lowered, to: &Lowered) -> Vec<Item> {
    let (old, new) = (from.deployment.release, to.deployment.release);
    let shown =
        DIFFERENCES.iter().filter(|difference| old.has(difference.quirk) != new.has(difference.quirk));
    let mut items: Vec<Item> = shown
        .filter_map(|difference| {
            let span = (difference.place)(&from.deployment)?;
            let text = |release: Release| {
                if release.has(difference.quirk) { difference.with } else { difference.without }
            };
            let message = format!("{old}: {}; {new}: {}", text(old), text(new));
            let key = format!("note {}", difference.quirk.name());
            let mut item = Item::new(ItemKind::Note, key, Some(span), message);
            item.values = Some((text(old).to_owned(), text(new).to_owned()));
            Some(item)
        })
        .collect();
    items.extend(reloaded(&from.deployment, old, new));
    items.extend(broken_reload(to, old));
    items
}

/// Options that are written and that a reload of one release applies, and one of the other does not.
fn reloaded(deployment: &Deployment, old: Release, new: Release) -> Option<Item> {
    let changes = |line: &&Setting| {
        let reload = line.option.entry().reload;
        reload.at(old) == Reload::Restart && reload.at(new) == Reload::Applied
    };
    let listeners = deployment.listeners.iter().flat_map(|listener| {
        listener.settings.iter().filter(|line| is_enforced(deployment, listener, line.option))
    });
    let bridges = deployment.bridges.iter().flat_map(|bridge| bridge.settings.iter());
    let lines = deployment.global.iter().chain(listeners).chain(bridges).filter(changes);
    let mut named: Vec<(&str, Span)> = lines.map(|line| (line.option.name(), line.name_span)).collect();
    let first = named.iter().map(|(_, span)| *span).min()?;
    named.sort();
    named.dedup_by_key(|(name, _)| *name);
    let names: Vec<String> = named.iter().map(|(name, _)| format!("`{name}`")).collect();
    let message =
        format!("a reload of {new} applies changed lines that need a restart in {old}: {}", names.join(", "));
    Some(Item::new(ItemKind::Note, "note reload".to_owned(), Some(first), message))
}

/// Options of the default listener of which a reload of the new release dies.
fn broken_reload(to: &Lowered, old: Release) -> Option<Item> {
    if old.has(Quirk::DefaultListenerBreaksReload) {
        return None;
    }
    let (option, name) = lines_that_crash_a_reload(&to.deployment, &to.notes).into_iter().next()?;
    let (spelled, new) = (option.name(), to.deployment.release);
    let message = format!(
        "a reload of {new} may crash the broker, because `{spelled}` stands above the first `listener`"
    );
    let mut item = Item::new(ItemKind::Note, "note broken reload".to_owned(), Some(name), message);
    item.option = Some(option);
    item.help = Some("write the `listener` line that is meant above it".to_owned());
    Some(item)
}

fn first(settings: &Settings, wanted: &[OptionId]) -> Option<Span> {
    settings.iter().find(|line| wanted.contains(&line.option)).map(|line| line.name_span)
}

fn of_global(deployment: &Deployment, wanted: &[OptionId]) -> Option<Span> {
    first(&deployment.global, wanted)
}

fn of_listeners(deployment: &Deployment, wanted: &[OptionId]) -> Option<Span> {
    deployment.listeners.iter().find_map(|listener| first(&listener.settings, wanted))
}

/// Whether the release heeds an option of a listener.
fn is_enforced(deployment: &Deployment, listener: &Listener, option: OptionId) -> bool {
    option != options::MAX_CONNECTIONS
        || listener.protocol != Protocol::Websockets
        || !deployment.release.has(Quirk::WebsocketsIgnoreMaxConnections)
}

/// The first line that limits what a listener does by default.
fn of_limits(deployment: &Deployment, wanted: &[OptionId]) -> Option<Span> {
    let release = deployment.release;
    let is_limit = |line: &Setting| {
        let entry = line.option.entry();
        let default = entry.default.at(release).and_then(|text| text.parse().ok());
        match line.value.value {
            Value::Int(number) => Some(number) != default && (number > 0 || !entry.unlimited),
            _ => false,
        }
    };
    deployment.listeners.iter().find_map(|listener| {
        let mut lines = listener.settings.iter();
        let is_it = |line: &&Setting| {
            wanted.contains(&line.option) && is_limit(line) && is_enforced(deployment, listener, line.option)
        };
        lines.find(is_it).map(|line| line.name_span)
    })
}

fn of_security(deployment: &Deployment, wanted: &[OptionId]) -> Option<Span> {
    let own = deployment.listeners.iter().filter_map(|listener| listener.security.as_ref());
    let mut blocks = std::iter::once(&deployment.security).chain(own);
    blocks.find_map(|security| first(&security.settings, wanted))
}
