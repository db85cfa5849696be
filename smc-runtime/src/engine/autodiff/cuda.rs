//! CUDA devices: one thread of this process drives each, and holds what stays there.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::{Axis, BroadcastTo, Cache, Cuda, ReshapeTo};

use super::backend::{Backend, Place, Sizes};
use crate::base::caught::caught;
use crate::base::error::Result;
use crate::base::exec::Threads;
use crate::model::tensor::{Kept, from_vec};

/// Numbers of the parameters of one group: with gradient and copies, a tenth of a small card.
const PARAMETERS: usize = 1 << 26;

/// Numbers of the activations of one tile, derivatives and intermediate results among them: 1 GiB.
const ACTIVATIONS: usize = 1 << 28;

thread_local! {
    /// This thread's device, if it drives one.
    static DEVICE: OnceCell<Cuda> = const { OnceCell::new() };
    static KEPT: RefCell<HashMap<u64, Rc<Kept<f32, Cuda>>>> = RefCell::default();
    /// The sizes of the tensors whose memory is kept for reuse.
    static SIZES: Cell<Sizes> = const { Cell::new(Sizes { particles: 0, rows: 0 }) };
}

/// The threads that drive the devices in use, one each: cuBLAS, streams and dfdx's cache are then nobody else's.
static DRIVERS: Mutex<BTreeMap<usize, Arc<Threads>>> = Mutex::new(BTreeMap::new());

/// The thread that drives device number `ordinal`.
fn driver(ordinal: usize) -> Result<Arc<Threads>> {
    let mut drivers = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(driver) = drivers.get(&ordinal) {
        return Ok(driver.clone());
    }
    let driver = Arc::new(Threads::new(Some(1))?);
    drivers.insert(ordinal, driver.clone());
    Ok(driver)
}

/// Opens device number `ordinal`, if it is not open.
///
/// # Errors
/// What is missing, in words.
pub(super) fn open(ordinal: usize) -> std::result::Result<(), String> {
    let driver = driver(ordinal).map_err(|e| e.to_string())?;
    driver.run(|| {
        DEVICE.with(|device| {
            if device.get().is_some() {
                return Ok(());
            }
            // The binding to the driver panics where there is none, or no such device.
            let opened = caught(|| Cuda::try_build(ordinal, 0))
                .and_then(|built| built.map_err(|e| format!("{e:?}")))
                .map_err(|said| in_words(&said))?;
            opened.enable_cache();
            caught(|| compiles(&opened)).map_err(|said| in_words(&said))?;
            let _ = device.set(opened);
            Ok(())
        })
    })
}

/// Asks for one of the kernels that are compiled when they are first used: without NVRTC or its headers that panics.
fn compiles(device: &Cuda) {
    let row = from_vec(device, &[1.0f32, 2.0], (2,));
    let rows = row.broadcast_like::<_, Axis<0>>(&(3, 2));
    rows.contiguous();
}

/// Runs `f` where device number `ordinal` is driven, and tells what a panic said: of a library that is missing, or of a kernel
/// that cannot be compiled.
pub(super) fn tried<R: Send>(
    ordinal: usize,
    f: impl FnOnce() -> R + Send,
) -> std::result::Result<R, String> {
    let driver = driver(ordinal).map_err(|e| e.to_string())?;
    driver.run(|| caught(f)).map_err(|said| in_words(&said))
}

/// A driver's error as what it says and its name, where the text has one.
fn in_words(said: &str) -> String {
    let named = said.split_once("DriverError(").and_then(|(_, inside)| {
        let (name, words) = inside.split_once(", \"")?;
        let (words, _) = words.split_once('"')?;
        Some(format!("{} ({name})", words.replace('\\', "")))
    });
    named.unwrap_or_else(|| said.to_owned())
}

impl Place {
    /// A place on device number `ordinal` where constants of the rows stay as long as it is there.
    pub(super) fn keeping(ordinal: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            ordinal,
            kept: Some(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (Some(kept), Ok(driver)) = (self.kept, driver(self.ordinal)) {
            driver.run(|| KEPT.with(|all| drop(all.borrow_mut().remove(&kept))));
        }
    }
}

impl Backend<f32> for Cuda {
    fn with<R: Send>(
        place: &Place,
        sizes: Sizes,
        f: impl FnOnce(&Self, Option<&Kept<f32, Self>>) -> R + Send,
    ) -> R {
        let driver = driver(place.ordinal).expect("a bound model's device has a thread");
        driver.run(|| {
            DEVICE.with(|device| {
                let device = device.get().expect("a bound model's device is open");
                if SIZES.replace(sizes) != sizes {
                    device.empty_cache();
                }
                let kept = place
                    .kept
                    .map(|kept| KEPT.with(|all| all.borrow_mut().entry(kept).or_default().clone()));
                f(device, kept.as_deref())
            })
        })
    }

    fn group(particles: usize, dim: usize) -> usize {
        (PARAMETERS / dim.max(1)).clamp(1, particles.max(1))
    }

    fn rows(_: usize, particles: usize, each: usize) -> usize {
        (ACTIVATIONS / (particles * each).max(1)).max(1)
    }
}
