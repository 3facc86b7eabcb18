/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction-set levels of the CPU variants, lowest first. Each level implies the ones below it. */
#ifndef KS_KERNELS_ISA_H
#define KS_KERNELS_ISA_H

typedef enum ks_isa {
    KS_ISA_ref = 0,   /* plain C oracle, never chosen for work */
    KS_ISA_generic,   /* GNU vectors at the compiler's baseline */
    KS_ISA_avx2,      /* AVX2, BMI1, BMI2, FMA, PCLMULQDQ, POPCNT */
    KS_ISA_avx512,    /* AVX-512 F, BW, CD, DQ, VL (Skylake-X, Cascade Lake) */
    KS_ISA_avx512icl, /* VBMI, VBMI2, BITALG, GFNI, VPCLMULQDQ, VPOPCNTDQ (Ice Lake, Zen 4 and newer) */
    KS_ISA_COUNT
} ks_isa;

/* Exported from the shared library for libkeystill-host alone. */
__attribute__((visibility("default"))) const char *ks_isa_name(ks_isa isa);
/* -1 for an unknown name. */
int ks_isa_parse(const char *name);
/* Highest level this machine runs. */
ks_isa ks_isa_detect(void);

#endif
