//! Lenient reading of JSON: a value of the wrong kind is lost, not the document.
//!
//! Leaves are kept as raw text, so that numbers stay exact and a string that is not valid text (an unpaired surrogate) can be
//! rejected alone. Everything else is skipped without being built.

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
    /// Of the right kind.
    Good(T),
}

/// A type read from a JSON object, key by key. If a key is repeated, the last one counts.
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

impl<T> Object<T> {
    /// The object, if there is one.
    pub fn good(&self) -> Option<&T> {
        if let Lenient::Good(object) = &self.0 { Some(object) } else { None }
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

/// What both visitors return for scalars.
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
    /// Whether objects and arrays are captured as raw text before they are read.
    static CAREFUL: Cell<bool> = const { Cell::new(false) };
}

/// Reads a whole JSON document. Fails only if it is not JSON.
pub fn document<'de, T: FromObject<'de>>(json: &'de str) -> serde_json::Result<Lenient<T>> {
    let failed = match serde_json::from_str(json) {
        Ok(Object(document)) => return Ok(document),
        Err(failed) => failed,
    };
    // It may still be JSON: a string with an unpaired surrogate, or a number beyond any float, fails if it stands where an
    // object should. Raw text accepts both, but capturing every level as raw text reads the document several times.
    if failed.is_eof() || serde_json::from_str::<&RawValue>(json).is_err() {
        return Err(failed);
    }
    CAREFUL.set(true);
    let document = serde_json::from_str(json);
    CAREFUL.set(false);
    document.map(|Object(document)| document)
}

/// Reads an object or array with its visitor, which accepts any other value too.
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

/// An object's key, as bytes: an unpaired surrogate in a key must not fail the document.
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

/// Defines a struct that is read from a JSON object, with its [`FromObject`]. A field is read from the key with its name, or
/// from the key after `as`; the keys of a field after `..` are in the same JSON object.
macro_rules! from_object {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident<'a> {
            $($(#[$field_attribute:meta])* $field:ident $(as $key:literal)?: $type:ty,)+
            $(..$inner:ident: $inner_type:ty,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        $visibility struct $name<'a> {
            $($(#[$field_attribute])* pub $field: $type,)+
            $(pub $inner: $inner_type,)?
        }

        impl<'a> $crate::json::FromObject<'a> for $name<'a> {
            // The keys as constants, so that `match` compares them all at once, by length and bytes.
            #[allow(non_upper_case_globals)]
            fn field<A: serde::de::MapAccess<'a>>(&mut self, key: &[u8], map: &mut A) -> Result<bool, A::Error> {
                $(const $field: &[u8] = $crate::json::key!($field $($key)?).as_bytes();)+
                match key {
                    $($field => self.$field = map.next_value()?,)+
                    $(_ if $crate::json::FromObject::field(&mut self.$inner, key, map)? => {})?
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}

/// The JSON key of a field.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

pub(crate) use {from_object, key};
