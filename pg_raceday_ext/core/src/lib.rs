//! Payload to rows.
