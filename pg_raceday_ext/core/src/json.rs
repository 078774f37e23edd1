//! Lenient reading of JSON: a value of the wrong kind costs itself, not the document.
//!
//! Leaves are kept as raw text, so that numbers stay exact and a string that is no text (an unpaired surrogate) can be
//! refused alone. Everything else is skipped without being built.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

/// The raw text of a leaf; `None` when the key is absent.
pub type Leaf<'a> = Option<&'a RawValue>;

/// A JSON value that should be of kind `T`.
#[derive(Debug, Default)]
pub enum Lenient<T> {
    /// Absent or null.
    #[default]
    Null,
    /// Of another kind.
    Bad,
    /// As it should be.
    Good(T),
}

/// A type read from a JSON object, key by key; of a repeated key the last one counts.
pub trait FromObject<'de>: Default {
    /// Reads the value of `key` if it is wanted; returns false without touching `map` if not.
    fn field<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<bool, A::Error>;
}

/// A JSON object read as `T`.
#[derive(Debug)]
pub struct Object<T>(pub Lenient<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(Lenient::Null)
    }
}

/// A JSON array of objects read as `T`s.
#[derive(Debug)]
pub struct Objects<T>(pub Lenient<Vec<Lenient<T>>>);

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Lenient::Null)
    }
}

impl<'de, T: FromObject<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, ObjectVisitor(PhantomData)).map(Self)
    }
}

impl<'de, T: FromObject<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, ObjectsVisitor(PhantomData)).map(Self)
    }
}

/// What both visitors answer to scalars.
macro_rules! scalars {
    () => {
        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("any JSON value")
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Lenient::Bad)
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Lenient::Bad)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Lenient::Bad)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Lenient::Bad)
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Lenient::Bad)
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Lenient::Null)
        }
    };
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: FromObject<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Lenient<T>;
    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Bad)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(Key(key)) = map.next_key()? {
            if !object.field(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Lenient::Good(object))
    }
}

struct ObjectsVisitor<T>(PhantomData<T>);

impl<'de, T: FromObject<'de>> Visitor<'de> for ObjectsVisitor<T> {
    type Value = Lenient<Vec<Lenient<T>>>;
    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut objects = Vec::with_capacity(16);
        while let Some(Object(object)) = seq.next_element()? {
            objects.push(object);
        }
        Ok(Lenient::Good(objects))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_key::<Key>()?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Lenient::Bad)
    }
}

thread_local! {
    /// Whether objects and arrays are taken as raw text before they are read.
    static CAREFUL: Cell<bool> = const { Cell::new(false) };
}

/// Reads a whole JSON document. Fails only on what is no JSON.
pub fn document<'de, T: FromObject<'de>>(json: &'de str) -> serde_json::Result<Lenient<T>> {
    let failed = match serde_json::from_str(json) {
        Ok(Object(document)) => return Ok(document),
        Err(failed) => failed,
    };
    // It may be JSON all the same: a string with an unpaired surrogate or a number beyond any float fails the reading where an
    // object should stand. Raw text does not mind, but taking every level as such reads the document several times.
    if failed.is_eof() || serde_json::from_str::<&RawValue>(json).is_err() {
        return Err(failed);
    }
    CAREFUL.set(true);
    let document = serde_json::from_str(json);
    CAREFUL.set(false);
    document.map(|Object(document)| document)
}

/// Reads an object or array by its visitor, which answers to any other value too.
fn read<'de, T, V, D>(deserializer: D, visitor: V) -> Result<Lenient<T>, D::Error>
where
    V: Visitor<'de, Value = Lenient<T>>,
    D: Deserializer<'de>,
{
    if !CAREFUL.get() {
        return deserializer.deserialize_any(visitor);
    }
    match <&'de RawValue>::deserialize(deserializer)?.get() {
        "null" => Ok(Lenient::Null),
        json if json.starts_with(['{', '[']) => {
            serde_json::Deserializer::from_str(json).deserialize_any(visitor).map_err(Error::custom)
        }
        _ => Ok(Lenient::Bad),
    }
}

/// An object's key, as bytes: an unpaired surrogate in one must not end the reading.
struct Key<'de>(Cow<'de, [u8]>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_bytes<E: Error>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        self.visit_borrowed_bytes(key.as_bytes())
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        self.visit_bytes(key.as_bytes())
    }
}

/// Implements [`FromObject`] for a struct: each field is read from the key or keys named, in the field's own type.
macro_rules! from_object {
    ($name:ident { $($field:ident: $($key:literal)|+),+ $(,)? }) => {
        impl<'de> $crate::json::FromObject<'de> for $name<'de> {
            fn field<A: serde::de::MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<bool, A::Error> {
                match key {
                    $($($key)|+ => self.$field = map.next_value()?,)+
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
pub(crate) use from_object;
