//! What a part of a run remembers: one value, of a type that only that part knows, saved with the run.

use std::any::Any;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

use crate::base::error::Result;
use crate::base::saved::Saved;

/// What can be remembered: any plain value that can be saved. Its default is what is known before anything was learned.
pub trait Remembered:
    Any + Clone + Debug + Default + DeserializeOwned + Send + Serialize + Sync
{
}

impl<T> Remembered for T where
    T: Any + Clone + Debug + Default + DeserializeOwned + Send + Serialize + Sync
{
}

/// A place for one value of any type, which whoever asks for it names.
///
/// It is [`Saved`] as bytes, which keep every bit of a number, inside
/// any format, and is decoded when it is first asked for after that. Bytes do not say what they are of: ask for the type
/// that was saved. Where a value of another type is held, or bytes that are damaged (they do not decode as the type, to
/// the last one), the memory is as good as empty: the default of the type that is asked for. Equal are memories whose bytes
/// are.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use smc_runtime::sampling::kernel::Memory;
///
/// #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
/// struct Mean {
///     moves: u32,
///     acceptance: f64,
/// }
///
/// let mut memory = Memory::default();
/// let mean = memory.of::<Mean>();
/// mean.moves += 1;
/// mean.acceptance += (0.1 - mean.acceptance) / f64::from(mean.moves);
///
/// let saved = serde_json::to_string(&memory).unwrap();
/// let read: Memory = serde_json::from_str(&saved).unwrap();
/// assert_eq!(read.read::<Mean>(), Mean { moves: 1, acceptance: 0.1 });
/// assert_eq!(read, memory);
/// ```
#[derive(Clone, Debug)]
pub struct Memory(Held);

#[derive(Debug)]
enum Held {
    /// As it was saved, or nothing.
    Saved(Saved),
    Value(Box<dyn Value>),
}

/// A [`Remembered`] whose type is forgotten.
trait Value: Any + Debug + Send + Sync {
    fn boxed(&self) -> Box<dyn Value>;
    fn saved(&self) -> Result<Saved>;
}

impl<M: Remembered> Value for M {
    fn boxed(&self) -> Box<dyn Value> {
        Box::new(self.clone())
    }

    fn saved(&self) -> Result<Saved> {
        Saved::of(self)
    }
}

impl Memory {
    /// The value, to be changed: that of type `M` that was left here, or its default.
    pub fn of<M: Remembered>(&mut self) -> &mut M {
        if self.held::<M>().is_none() {
            self.0 = Held::Value(Box::new(self.read::<M>()));
        }
        let held = match &mut self.0 {
            Held::Value(value) => (&mut **value as &mut dyn Any).downcast_mut(),
            Held::Saved(_) => None,
        };
        held.unwrap_or_else(|| unreachable!("a value of this type has just been put here"))
    }

    /// A copy of the value: that of type `M` that was left here, or its default.
    pub fn read<M: Remembered>(&self) -> M {
        let known = match &self.0 {
            Held::Value(_) => self.held::<M>().cloned(),
            Held::Saved(saved) => saved.read().ok(),
        };
        known.unwrap_or_default()
    }

    fn held<M: Remembered>(&self) -> Option<&M> {
        match &self.0 {
            Held::Value(value) => (&**value as &dyn Any).downcast_ref(),
            Held::Saved(_) => None,
        }
    }

    fn saved(&self) -> Result<Saved> {
        match &self.0 {
            Held::Value(value) => value.saved(),
            Held::Saved(saved) => Ok(saved.clone()),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self(Held::Saved(Saved::default()))
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        match self {
            Self::Saved(saved) => Self::Saved(saved.clone()),
            Self::Value(value) => Self::Value((**value).boxed()),
        }
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.saved(), other.saved()), (Ok(one), Ok(two)) if one == two)
    }
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.saved().map_err(ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Saved::deserialize(from).map(|saved| Self(Held::Saved(saved)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Learned {
        numbers: Vec<f64>,
        moves: u32,
    }

    fn learned() -> Learned {
        Learned {
            numbers: vec![f64::INFINITY, 0.1, -0.0, f64::MIN_POSITIVE / 2.0],
            moves: 300,
        }
    }

    fn saved(memory: &Memory) -> Memory {
        serde_json::from_str(&serde_json::to_string(memory).unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_given_back_as_it_was_left_before_and_after_saving() {
        let mut memory = Memory::default();
        assert_eq!(memory.read::<Learned>(), Learned::default());
        assert_eq!(saved(&memory), memory);
        *memory.of() = learned();
        let mut again = saved(&memory);
        assert_eq!(again, memory);
        for memory in [&mut memory.clone(), &mut memory, &mut again] {
            let bits = |of: &Learned| of.numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&memory.read()), bits(&learned()));
            memory.of::<Learned>().moves += 1;
            assert_eq!(memory.read::<Learned>().moves, 301);
        }
        assert_eq!(again, memory);
        again.of::<Learned>().moves += 1;
        assert_ne!(again, memory);
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let mut memory = Memory::default();
        *memory.of() = learned();
        memory.clone().of::<Learned>().moves = 0;
        assert_eq!(memory.read::<Learned>().moves, 300);
    }

    #[test]
    fn what_is_damaged_or_of_another_type_is_as_good_as_nothing() {
        let mut memory = Memory::default();
        *memory.of() = learned();
        assert!(memory.read::<Vec<u32>>().is_empty());
        let bytes = serde_json::to_value(&memory).unwrap();
        let bytes: Vec<u8> = serde_json::from_value(bytes).unwrap();
        let longer = [&bytes[..], &[0]].concat();
        for damaged in [&bytes[1..], &bytes[..bytes.len() - 1], &longer] {
            let text = serde_json::to_string(damaged).unwrap();
            let mut memory: Memory = serde_json::from_str(&text).unwrap();
            assert_eq!(memory.read::<Learned>(), Learned::default());
            assert_eq!(*memory.of::<Learned>(), Learned::default());
        }
    }
}
