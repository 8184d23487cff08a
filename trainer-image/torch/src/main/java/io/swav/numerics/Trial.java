package io.swav.numerics;

import ai.djl.ndarray.NDManager;
import io.swav.torch.Precision;
import java.util.List;

/** One kernel of libtorch over fixed values, compared with plain arithmetic in double precision. */
interface Trial {
    /** Runs the kernel forward and backward; one result for each output. */
    List<Deviation> run(NDManager manager, Precision precision);
}
