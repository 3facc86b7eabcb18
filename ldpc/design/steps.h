/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps between the rates of the family cost. */
#ifndef KS_LDPC_DESIGN_STEPS_H
#define KS_LDPC_DESIGN_STEPS_H

#include <stdio.h>

/* For frames of 2^16 bits and more, for ranges of error rate and both decoders: the cheapest rate whose
 * measured limit is not below q, on a fine grid of q. Efficiency is its leak over h(q); the cost of the step
 * is its leak over what a straight line between that rate and the one before it would ask for at q, less one.
 */
void ks_steps_print(FILE *to);

#endif
