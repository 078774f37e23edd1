//! What a backend keeps of the memory that a poll needs for a moment.

use pgrx::pg_guard;

/// What stays with the backend when it is free. A poll or an answer needs one or two megabytes; larger ones go back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: libc::c_int = 4 << 20;

/// Allocations from this size on are the kernel's, and given back one by one.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: libc::c_int = 2 << 20;

/// When the library is loaded, once a backend.
///
/// Left to itself glibc gives a poll's memory back after each poll and takes it anew, page by page, for the next: a tenth of
/// a poll's CPU.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers of the allocator; a backend has one thread.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}
