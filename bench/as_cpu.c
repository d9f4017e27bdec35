/* SPDX-License-Identifier: Apache-2.0
 * A smaller CPU than the one there is, for a whole process: preloaded, it has the kernel trap CPUID
 * and takes from the answers what the smaller one lacks, so that every runtime chooses the kernels
 * it would choose there (peers.py --cpu).
 *
 *     MOBILENET_AS_CPU=avx2 LD_PRELOAD=libas_cpu.so PROGRAM
 *
 * avx2: Haswell to Skylake, Zen 2 and 3. avxvnni: Alder Lake and later. avx512: Zen 4, or Ice Lake
 * with bf16 (no tiles, no half precision). Clocks, caches and the width of the units stay this
 * machine's. Where CPUID cannot be trapped it ends the program with one sentence.
 */
#define _GNU_SOURCE /* REG_RIP */
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { EAX, EBX, ECX, EDX };

enum { AVX2 = 1, AVXVNNI = 2, AVX512 = 4, NARROW = AVX2 | AVXVNNI, ALL = 7 };

/* Bits of CPUID's answers, by their names in Intel's manual, and the CPUs that lack them. */
struct lacking {
  unsigned leaf, subleaf, where, bit, cpus;
};

static const struct lacking LACKING[] = {
    {7, 0, EBX, 16, NARROW},       /* AVX512F */
    {7, 0, EBX, 17, NARROW},       /* AVX512DQ */
    {7, 0, EBX, 21, NARROW},       /* AVX512_IFMA */
    {7, 0, EBX, 26, NARROW},       /* AVX512PF */
    {7, 0, EBX, 27, NARROW},       /* AVX512ER */
    {7, 0, EBX, 28, NARROW},       /* AVX512CD */
    {7, 0, EBX, 30, NARROW},       /* AVX512BW */
    {7, 0, EBX, 31, NARROW},       /* AVX512VL */
    {7, 0, ECX, 1, NARROW},        /* AVX512_VBMI */
    {7, 0, ECX, 6, NARROW},        /* AVX512_VBMI2 */
    {7, 0, ECX, 11, NARROW},       /* AVX512_VNNI */
    {7, 0, ECX, 12, NARROW},       /* AVX512_BITALG */
    {7, 0, ECX, 14, NARROW},       /* AVX512_VPOPCNTDQ */
    {7, 0, EDX, 8, NARROW},        /* AVX512_VP2INTERSECT */
    {7, 1, EAX, 5, NARROW},        /* AVX512_BF16 */
    {7, 0, EDX, 22, ALL},          /* AMX_BF16 */
    {7, 0, EDX, 23, ALL},          /* AVX512_FP16 */
    {7, 0, EDX, 24, ALL},          /* AMX_TILE */
    {7, 0, EDX, 25, ALL},          /* AMX_INT8 */
    {7, 1, EAX, 4, AVX2 | AVX512}, /* AVX_VNNI */
    {7, 1, EAX, 21, ALL},          /* AMX_FP16 */
    {7, 1, EAX, 23, ALL},          /* AVX_IFMA */
    {7, 1, EDX, 4, ALL},           /* AVX_VNNI_INT8 */
    {7, 1, EDX, 5, ALL},           /* AVX_NE_CONVERT */
    {7, 1, EDX, 8, ALL},           /* AMX_COMPLEX */
    {7, 1, EDX, 10, ALL},          /* AVX_VNNI_INT16 */
    {7, 1, EDX, 19, ALL},          /* AVX10 */
};

static unsigned this_cpu;

static int trap(int yes) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, yes ? 0UL : 1UL) == 0; }

static void answer(unsigned leaf, unsigned subleaf, unsigned found[4]) {
  trap(0);
  __cpuid_count(leaf, subleaf, found[EAX], found[EBX], found[ECX], found[EDX]);
  trap(1);
  for (size_t i = 0; i < sizeof LACKING / sizeof *LACKING; ++i) {
    const struct lacking *l = &LACKING[i];
    if (l->leaf == leaf && l->subleaf == subleaf && l->cpus & this_cpu) {
      found[l->where] &= ~(1u << l->bit);
    }
  }
}

static void at_cpuid(int number, siginfo_t *info, void *context) {
  (void)info;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *instruction = (const uint8_t *)registers[REG_RIP];
  if (instruction[0] != 0x0f || instruction[1] != 0xa2) {
    signal(number, SIG_DFL); /* a fault of the program's own: met again, and the end */
    return;
  }
  unsigned found[4];
  answer((unsigned)registers[REG_RAX], (unsigned)registers[REG_RCX], found);
  registers[REG_RAX] = found[EAX];
  registers[REG_RBX] = found[EBX];
  registers[REG_RCX] = found[ECX];
  registers[REG_RDX] = found[EDX];
  registers[REG_RIP] += 2;
}

static void give_up(const char *cpu, const char *why) {
  fprintf(stderr, "as_cpu: %s: %s\n", cpu, why);
  _exit(1);
}

__attribute__((constructor)) static void begin(void) {
  const char *cpu = getenv("MOBILENET_AS_CPU");
  if (!cpu) return;
  this_cpu = !strcmp(cpu, "avx2") ? AVX2 : !strcmp(cpu, "avxvnni") ? AVXVNNI : 0;
  if (!strcmp(cpu, "avx512")) this_cpu = AVX512;
  if (!this_cpu) give_up(cpu, "no such CPU: expected avx2, avxvnni or avx512");
  struct sigaction action = {.sa_sigaction = at_cpuid, .sa_flags = SA_SIGINFO | SA_NODEFER};
  if (sigaction(SIGSEGV, &action, NULL) || !trap(1)) {
    give_up(cpu, "the CPU or the kernel cannot trap CPUID here");
  }
}
