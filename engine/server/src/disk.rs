//! The directory of the log, with its syncs on a thread of their own, so that the machines go on meanwhile.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    sync::{
        Arc, Mutex,
        mpsc::{self, Sender},
    },
    thread,
    time::Instant,
};

use steadfast_store::{Disk, DiskError, FileId, RealDisk, SyncId};

use crate::metrics::Metrics;

type Results = Arc<Mutex<BTreeMap<SyncId, Result<(), DiskError>>>>;

/// See the module documentation.
pub(crate) struct BackgroundDisk {
    disk: RealDisk,
    jobs: Sender<(SyncId, File)>,
    results: Results,
    next: u64,
}

impl fmt::Debug for BackgroundDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundDisk")
            .field("disk", &self.disk)
            .finish_non_exhaustive()
    }
}

impl BackgroundDisk {
    /// `wake` is called after every sync.
    pub(crate) fn new(
        disk: RealDisk,
        metrics: Metrics,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DiskError> {
        let (jobs, work) = mpsc::channel::<(SyncId, File)>();
        let results = Results::default();
        let ended = Arc::clone(&results);
        let syncer = move || {
            for (id, file) in work {
                let began = Instant::now();
                let result = file
                    .sync_data()
                    .map_err(|e| DiskError::Failed(e.to_string()));
                metrics.synced(began.elapsed());
                ended
                    .lock()
                    .expect("no holder of this lock panics")
                    .insert(id, result);
                wake();
            }
        };
        thread::Builder::new()
            .name("sync".to_owned())
            .spawn(syncer)
            .map_err(|e| DiskError::Failed(e.to_string()))?;
        Ok(Self {
            disk,
            jobs,
            results,
            next: 0,
        })
    }

    fn ended(&self, id: SyncId, result: Result<(), DiskError>) {
        self.results
            .lock()
            .expect("no holder of this lock panics")
            .insert(id, result);
    }
}

impl Disk for BackgroundDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.list()
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.disk.create(name)
    }

    fn open(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.disk.open(name)
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        self.disk.len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        self.disk.read_at(file, offset, buffer)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write_at(file, offset, bytes)
    }

    fn sync(&mut self, file: FileId) -> SyncId {
        let id = SyncId(self.next);
        self.next += 1;
        let gone = || DiskError::Failed("the thread that syncs has ended".to_owned());
        let sent = self
            .disk
            .handle(file)
            .and_then(|handle| self.jobs.send((id, handle)).map_err(|_| gone()));
        if let Err(error) = sent {
            self.ended(id, Err(error));
        }
        id
    }

    /// Rare, and short: it happens here and now.
    fn sync_dir(&mut self) -> SyncId {
        let theirs = self.disk.sync_dir();
        let result = self.disk.poll_sync(theirs).unwrap_or(Ok(()));
        let id = SyncId(self.next);
        self.next += 1;
        self.ended(id, result);
        id
    }

    fn poll_sync(&mut self, sync: SyncId) -> Option<Result<(), DiskError>> {
        self.results
            .lock()
            .expect("no holder of this lock panics")
            .remove(&sync)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
}
