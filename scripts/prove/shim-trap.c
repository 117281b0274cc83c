/*
 * The part of the shim for those who go past libc: system calls that write, cut or sync and were not made by libc are
 * trapped, and made by the functions of shim.c instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define ARGUMENT(context, n) ((context)->uc_mcontext.gregs[(int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10}[n]])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define ARGUMENT(context, n) ((context)->uc_mcontext.regs[n])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#endif

static int trapping;

static void trapped(int number, siginfo_t *info, void *data) {
  (void)number;
  ucontext_t *context = data;
  int kept_errno = errno;
  int fd = ARGUMENT(context, 0);
  long second = ARGUMENT(context, 1), third = ARGUMENT(context, 2), fourth = ARGUMENT(context, 3);
  long done = -1;
  if (info->si_syscall == SYS_pwrite64) done = pwrite64(fd, (void *)second, third, fourth);
  if (info->si_syscall == SYS_ftruncate) done = ftruncate64(fd, second);
  if (info->si_syscall == SYS_fsync) done = fsync(fd);
  if (info->si_syscall == SYS_fdatasync) done = fdatasync(fd);
  RESULT(context) = done < 0 ? -errno : done;
  errno = kept_errno;
}

/* The runtime has a handler of its own for the signal of trapped calls, which is to stay ours. */
int sigaction(int number, const struct sigaction *action, struct sigaction *former) {
  static __typeof__(&sigaction) next;
  if (next == NULL) next = (__typeof__(&sigaction))dlsym(RTLD_NEXT, "sigaction");
  int harmless = action == NULL || action->sa_sigaction == trapped || !trapping;
  return number == SIGSYS && !harmless ? 0 : next(number, action, former);
}

struct range {
  uintptr_t start, end;
};

/* Where libc's code lies. */
static int find_libc(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size;
  struct range *code = data;
  for (int n = 0; n < object->dlpi_phnum; n++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[n];
    uintptr_t start = object->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
    uintptr_t known = (uintptr_t)dlsym(RTLD_NEXT, "syscall");
    if (segment->p_type == PT_LOAD && known >= start && known < end) *code = (struct range){start, end};
  }
  return 0;
}

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define UPPER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4)
#define IF(comparison, value, yes, no) BPF_JUMP(BPF_JMP | comparison | BPF_K, (uint32_t)(value), yes, no)
#define END(action) BPF_STMT(BPF_RET | BPF_K, action)

void trap_others(void) {
  trapping = 1;
  struct range code = {0, 0};
  dl_iterate_phdr(find_libc, &code);
  if (code.start == 0) abort();
  /* A filter compares 32 bits at a time, and libc may lie across a bound of these: then in two parts, else twice in one. */
  uintptr_t last = code.end - 1;
  int across = code.start >> 32 != last >> 32;
  uint32_t upper_ends = across ? UINT32_MAX : last, lower_starts = across ? 0 : code.start;
  struct sock_filter steps[] = {
      FIELD(arch),
      IF(BPF_JEQ, ARCHITECTURE, 0, 5),
      FIELD(nr),
      IF(BPF_JEQ, SYS_pwrite64, 4, 0),
      IF(BPF_JEQ, SYS_ftruncate, 3, 0),
      IF(BPF_JEQ, SYS_fsync, 2, 0),
      IF(BPF_JEQ, SYS_fdatasync, 1, 0),
      END(SECCOMP_RET_ALLOW),
      UPPER,
      IF(BPF_JEQ, code.start >> 32, 0, 3),
      FIELD(instruction_pointer),
      IF(BPF_JGE, code.start, 0, 1),
      IF(BPF_JGT, upper_ends, 0, 6),
      UPPER,
      IF(BPF_JEQ, last >> 32, 0, 3),
      FIELD(instruction_pointer),
      IF(BPF_JGE, lower_starts, 0, 1),
      IF(BPF_JGT, last, 0, 1),
      END(SECCOMP_RET_TRAP),
      END(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
  struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_RESTART};
  /* Without it a recording might have gaps, and would prove nothing. */
  if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) abort();
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) abort();
}
