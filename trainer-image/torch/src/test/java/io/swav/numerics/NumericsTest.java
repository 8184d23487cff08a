package io.swav.numerics;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NumericsTest {
    private static final Set<Precision> FP32 = EnumSet.of(Precision.FP32);
    private static final Processor HONEST =
            new Processor("GenuineIntel", "Xeon", "6", "143", Set.of("avx2", "avx512f"), true);
    private static final Processor HIDING = new Processor("AuthenticAMD", "EPYC", "26", "2", Set.of("avx2"), false);
    private static final Deviation RIGHT = new Deviation("product", 1e-8, 1e-6);
    private static final Deviation WRONG = new Deviation("convolution", 2.3e-2, 1e-6);

    private static final String RIGHTS_BITS = Canary.fingerprint(List.of(RIGHT));

    private static final Numerics.IsolatedCanary NONE = (oneDnn, precisions) -> {
        throw new AssertionError("no child was needed");
    };

    @AfterEach
    void turnOneDnnOnAgain() {
        TorchRuntime.useOneDnn(true);
    }

    @Test
    void standardCanaryFindsThisMachineSoundInBothPrecisions() {
        TorchRuntime.start();
        assertThat(Canary.STANDARD.run(EnumSet.allOf(Precision.class)))
                .hasSizeGreaterThan(70)
                .allSatisfy(deviation -> {
                    assertThat(deviation.isWrong()).as(deviation.toString()).isFalse();
                    // an error of exactly 0 would mean that the check compared libtorch with itself
                    assertThat(deviation.error()).as(deviation.toString()).isPositive();
                });
    }

    @Test
    void wouldDetectHalfPrecisionInPlaceOfSinglePrecision() {
        TorchRuntime.start();
        try (NDManager manager = TorchRuntime.root()) {
            assertThat(ConvolutionTrial.of(64, 64, 3, 1, 8).run(manager, Precision.BF16))
                    .allSatisfy(deviation -> assertThat(deviation.error()).isGreaterThan(1e-6));
        }
    }

    @Test
    void startsNoChildAndKeepsOneDnnIfAllIsRight() {
        assertThat(verdict(HONEST, NONE, RIGHT)).isEqualTo(new Verdict.Sound(HONEST.toString(), 1, RIGHTS_BITS));
        assertThat(TorchRuntime.usesOneDnn()).isTrue();
    }

    @Test
    void turnsOneDnnOffIfThatFixesTheError() {
        Verdict verdict = new Numerics(HONEST, wrongWith(true), NONE).verdict(FP32);
        assertThat(verdict).isEqualTo(new Verdict.SoundWithoutOneDnn(HONEST.toString(), WRONG.toString(), RIGHTS_BITS));
        assertThat(TorchRuntime.usesOneDnn()).isFalse();
        assertThat(((Verdict.SoundWithoutOneDnn) verdict).warning())
                .contains(
                        "convolution: error 2.3e-02, allowed 1e-06",
                        "Xeon (GenuineIntel, family 6, model 143, AVX-512)");
    }

    @Test
    void isUnsoundIfTurningOneDnnOffDoesNotHelp() {
        assertThat(verdict(HONEST, NONE, WRONG))
                .isEqualTo(new Verdict.Unsound(
                        HONEST.toString(), "convolution: error 2.3e-02, allowed 1e-06, with oneDNN off as well"));
    }

    @Test
    void computesNothingHereUntilAChildHasSurvived() {
        Numerics.IsolatedCanary dies = (oneDnn, precisions) -> Optional.of("SIGFPE");
        Canary never = new Canary(List.of((manager, precision) -> {
            throw new AssertionError("would have killed this process");
        }));
        assertThat(new Numerics(HIDING, never, dies).verdict(FP32))
                .isEqualTo(new Verdict.Unsound(HIDING.toString(), "SIGFPE, with oneDNN off as well"));
    }

    @Test
    void continuesWithoutOneDnnIfAChildDiesOnlyWithIt() {
        Numerics.IsolatedCanary dies = (oneDnn, precisions) -> oneDnn ? Optional.of("SIGFPE") : Optional.empty();
        assertThat(verdict(HIDING, dies, RIGHT))
                .isEqualTo(new Verdict.SoundWithoutOneDnn(HIDING.toString(), "SIGFPE", RIGHTS_BITS));
        assertThat(TorchRuntime.usesOneDnn()).isFalse();
    }

    @Test
    void keepsOneDnnIfTheChildSucceeds() {
        assertThat(verdict(HIDING, (oneDnn, precisions) -> Optional.empty(), RIGHT))
                .isEqualTo(new Verdict.Sound(HIDING.toString(), 1, RIGHTS_BITS));
        assertThat(TorchRuntime.usesOneDnn()).isTrue();
    }

    @Test
    void aNanIsWrong() {
        Sums sums = new Sums(2);
        sums.add(0, 1);
        sums.add(1, 1);
        assertThat(sums.compare("sum", new float[] {1, Float.NaN}, Precision.FP32)
                        .isWrong())
                .isTrue();
    }

    private static Verdict verdict(Processor processor, Numerics.IsolatedCanary child, Deviation deviation) {
        TorchRuntime.start();
        return new Numerics(processor, new Canary(List.of((manager, precision) -> List.of(deviation))), child)
                .verdict(FP32);
    }

    private static Canary wrongWith(boolean oneDnn) {
        TorchRuntime.start();
        return new Canary(
                List.of((manager, precision) -> List.of(TorchRuntime.usesOneDnn() == oneDnn ? WRONG : RIGHT)));
    }
}
