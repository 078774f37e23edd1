//! How much memory a backend keeps between polls. See docs/decisions/allocator-thresholds.md.

use pgrx::pg_guard;

/// What the backend keeps of freed memory: a poll or a response needs one or two megabytes. More is returned to the kernel.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: libc::c_int = 4 << 20;

/// Allocations of this size and above are mapped and returned one by one.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: libc::c_int = 2 << 20;

/// Runs when the library is loaded, once per backend. By default glibc returns a poll's memory after every poll and faults it
/// back in for the next: a tenth of a poll's CPU.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers of the allocator; a backend has one thread.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}
