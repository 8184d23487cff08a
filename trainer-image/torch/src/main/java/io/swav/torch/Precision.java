package io.swav.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The arithmetic of convolutions and linear layers. With BF16, operands are rounded to bfloat16 and multiplied, sums
 * are float32 inside the kernel, and the result is rounded once more. Arrays outside the kernel are float32 either way.
 */
public enum Precision {
    FP32,
    BF16;

    Tensor in(Tensor operand) {
        return this == FP32 ? operand : operand.to(torch.ScalarType.BFloat16);
    }

    Tensor out(Tensor result) {
        return this == FP32 ? result : result.to(torch.ScalarType.Float);
    }
}
