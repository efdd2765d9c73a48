//! System calls that an isolated program does not have.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// Refused: sockets of every family, those of Unix too, which Landlock does not know; what enters or makes namespaces,
/// mounts, looks into other processes, or talks to wide parts of the kernel.
const REFUSED: [libc::c_long; 22] = [
    libc::SYS_socket,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
];
/// As if the kernel were too old, so that the C library does without: these hide from a filter what they do.
const UNKNOWN: [libc::c_long; 4] =
    [libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Filters the system calls of this process and of all that it will start. Another instruction set's are fatal.
pub(super) fn restrict() -> Result<()> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().flat_map(|call| numbers(*call)).collect();
    let user = libc::CLONE_NEWUSER.unsigned_abs().into();
    let new_user = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(user), user)?;
    for (number, _) in numbers(libc::SYS_clone) {
        refused.insert(number, vec![SeccompRule::new(vec![new_user.clone()])?]);
    }
    apply(refused, libc::EPERM)?;
    apply(UNKNOWN.iter().flat_map(|call| numbers(*call)).collect(), libc::ENOSYS)
}

/// A call's numbers: on x86-64 there is a second way in, for x32.
fn numbers(call: libc::c_long) -> impl Iterator<Item = (i64, Vec<SeccompRule>)> {
    let x32 = cfg!(target_arch = "x86_64").then_some(call | 0x4000_0000);
    std::iter::once(call).chain(x32).map(|number| (number, Vec::new()))
}

fn apply(rules: BTreeMap<i64, Vec<SeccompRule>>, error: libc::c_int) -> Result<()> {
    let architecture = std::env::consts::ARCH.try_into().context("no seccomp filter for this architecture")?;
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program).context("this kernel lacks seccomp filters")
}
