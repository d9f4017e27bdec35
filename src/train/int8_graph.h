/* SPDX-License-Identifier: Apache-2.0
 * From a float graph and the ranges of its values to the int8 graph that is deployed. What ranges
 * come from, training (trainer.h) or calibration pictures (calibrate.h), is not known here. */
#ifndef MN_TRAIN_INT8_GRAPH_H
#define MN_TRAIN_INT8_GRAPH_H

#include "train/code_points.h"

/* `prepared` is a graph of mn_deploy_prepare; ranges: one a group of its code points. Weights get a
 * scale for each output channel, biases 32 bits. It borrows nothing. Errors: UNSUPPORTED, naming
 * what has no int8 form; MEMORY. */
mn_status mn_int8_graph(mn_graph *out, const mn_graph *prepared, const mn_code_range *ranges,
                        mn_error *err);

#endif
