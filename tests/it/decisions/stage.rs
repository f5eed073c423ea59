//! Brokers that scenes are played on: real ones, and ours.

use std::any::Any;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moskit::boot::Main;
use moskit::broker::transport::Address as Bound;
use moskit::catalogue::Release;
use moskit::credentials::OperatingSystem;
use moskit::lang::Environment;
use moskit::model::Protocol;
use moskit::testing;
use moskit::text::disk::Disk;
use moskit::verify::client::{Address, Endpoint};
use moskit::verify::engine::{Ground, Setting};
use moskit::verify::{Engine, Keys};

use super::ask;
use super::scene::Scene;
use crate::fixtures::{self, now};

/// Brokers side by side.
const WORKERS: usize = 4;

/// A broker that does not answer within this time hangs, or the machine does.
const LONGEST: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    Real(crate::real::Broker),
    /// `moskit broker` as a release.
    Moskit(Release),
}

/// A broker that runs until this is dropped.
pub(crate) struct Running {
    endpoints: Vec<Option<Endpoint>>,
    _broker: Box<dyn Any>,
}

impl Running {
    /// Where its listeners are, in their order.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.iter().map(|endpoint| endpoint.clone().unwrap()).collect()
    }
}

impl Program {
    pub(crate) fn release(&self) -> Release {
        match self {
            Self::Real(broker) => broker.release,
            Self::Moskit(release) => *release,
        }
    }

    /// Starts it on the `mosquitto.conf` of a folder. Needs a `LocalSet`.
    pub(crate) async fn start(&self, folder: &Path) -> Running {
        let files = Disk::new(folder);
        match self {
            Self::Real(broker) => {
                let keys: Keys = std::sync::Arc::new(OperatingSystem);
                let setting = Setting {
                    engine: &Engine::Mosquitto(broker.program.clone()),
                    configuration: Path::new("mosquitto.conf"),
                    files: &files,
                    scratch: &folder.join("scratch"),
                    is_root: rustix::process::geteuid().is_root(),
                    now: now(),
                    without: &[],
                    keys: &keys,
                };
                let ground = Ground::prepare(setting, broker.release).unwrap();
                let instance =
                    ground.start().await.unwrap_or_else(|broken| panic!("{broken:?} in {folder:?}"));
                let count = ground.deployment.listeners.len();
                let endpoints = (0..count).map(|index| instance.endpoint(index).cloned()).collect();
                Running { endpoints, _broker: Box::new((instance, ground)) }
            }
            Self::Moskit(release) => {
                let broker = testing::Broker::start(testing::Setup {
                    main: Main::Conf("mosquitto.conf".into()),
                    files,
                    release: *release,
                    environment: Environment { now: now(), started_by: "root".to_owned() },
                    sockets: folder.to_owned(),
                });
                let broker = broker.unwrap_or_else(|error| panic!("{error} in {folder:?}"));
                let endpoint = |bound: &moskit::broker::Bound| {
                    let address = match bound.addresses.first()? {
                        Bound::Tcp(address) => Address::Tcp(*address),
                        Bound::Unix(path) => Address::Unix(path.clone()),
                    };
                    Some(Endpoint { address, is_websocket: bound.protocol == Protocol::Websockets })
                };
                let endpoints = broker.listeners().iter().map(endpoint).collect();
                Running { endpoints, _broker: Box::new(broker) }
            }
        }
    }
}

/// Does something in a runtime of its own, within a time.
pub(crate) fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let done = local.block_on(&runtime, async { tokio::time::timeout(LONGEST, work).await });
    done.unwrap_or_else(|_| panic!("{what} took too long"))
}

/// What a broker answers to all questions of each scene.
pub(super) fn answers(program: &Program, scenes: &[Scene]) -> Vec<Vec<bool>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((index, scene)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, scenes.get(index)?)))
                {
                    let folder = fixtures::open_folder();
                    for (name, text) in scene.files() {
                        std::fs::write(folder.path().join(name), text).unwrap();
                    }
                    let told = within("a scene", async {
                        let running = program.start(folder.path()).await;
                        ask::all(scene, &running.endpoints()).await
                    });
                    answers.lock().unwrap().push((index, told));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, told)| told).collect()
}
