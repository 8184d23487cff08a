package io.swav.evaluation;

import io.swav.api.ExitCodes;
import io.swav.checkpoint.HostTensor;
import io.swav.model.Architecture;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the tensors of a residual network say about it.
 *
 * @param width channels of the stem
 * @param smallStem 3x3 convolution of stride 1 without pooling, else 7x7 of stride 2 and pooling
 * @param bottleneck blocks of three convolutions instead of two
 * @param blocks of each stage
 */
record BackboneShape(int width, boolean smallStem, boolean bottleneck, List<Integer> blocks) {
    private static final String STEM = "conv1.weight";
    private static final int USUAL_WIDTH = 64;

    /**
     * Reads it off a backbone's tensors.
     *
     * @throws EvalException if they are not those of a residual network
     */
    static BackboneShape of(Map<String, HostTensor> tensors) {
        HostTensor stem = tensors.get(STEM);
        if (stem == null || stem.shape().size() != 4) {
            throw new EvalException(
                    ExitCodes.BAD_DATA,
                    "there is no " + STEM + " of four dimensions: these are not the weights of a residual network");
        }
        List<Integer> blocks = new ArrayList<>();
        for (int stage = 1; tensors.containsKey(block(stage, 0)); stage++) {
            int count = 1;
            while (tensors.containsKey(block(stage, count))) {
                count++;
            }
            blocks.add(count);
        }
        return new BackboneShape(
                Math.toIntExact(stem.shape().get(0)),
                stem.shape().get(2) == 3,
                tensors.containsKey("layer1.0.conv3.weight"),
                List.copyOf(blocks));
    }

    private static String block(int stage, int block) {
        return "layer" + stage + "." + block + ".conv1.weight";
    }

    String stem() {
        return smallStem ? "small" : "imagenet";
    }

    /** Returns the name that a job gives this network; empty if it needs {@code model.width}, or has no name. */
    Optional<String> architecture() {
        return Architecture.NAMES.stream()
                .filter(name -> equals(of(Architecture.of(name, stem(), 1, 1, 1))))
                .findFirst();
    }

    private static BackboneShape of(Architecture architecture) {
        return new BackboneShape(
                architecture.stemWidth(),
                architecture.smallStem(),
                architecture.bottleneck(),
                architecture.stages().stream().map(Architecture.Stage::blocks).toList());
    }

    /** Returns the name that torchvision and timm give this network, apart from its stem; empty if they have none. */
    Optional<String> torchvision() {
        return architecture().filter(name -> width == USUAL_WIDTH);
    }
}
