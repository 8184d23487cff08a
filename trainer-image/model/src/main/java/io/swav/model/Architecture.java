package io.swav.model;

import ai.djl.ndarray.types.Shape;
import io.swav.api.ModelSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The shape of a residual network (He et al., arXiv 1512.03385) and SwAV's head, without its weights.
 *
 * @param smallStem 3x3 convolution, stride 1, no pooling, for small images; else 7x7, stride 2, and max pooling
 * @param stemWidth channels after the stem
 * @param bottleneck blocks of 1x1, 3x3, 1x1 convolutions instead of two 3x3
 * @param stages from high to low resolution; all but the first halve it
 * @param hidden width of the head's hidden layer
 * @param features dimension of the embedding
 * @param prototypes K
 */
public record Architecture(
        boolean smallStem,
        int stemWidth,
        boolean bottleneck,
        List<Stage> stages,
        int hidden,
        int features,
        int prototypes) {

    /** The number of blocks of one resolution, and their inner and output channels. */
    public record Stage(int blocks, int inner, int width) {}

    /** The names that {@link #of} accepts. */
    public static final List<String> NAMES = List.of("resnet50", "resnet18", "tiny");

    /**
     * Returns the architecture that a job's spec describes.
     *
     * @throws IllegalArgumentException naming the field of the job's spec that is wrong
     */
    public static Architecture of(ModelSpec model) {
        return of(model.architecture(), model.stem(), model.hiddenDim(), model.featureDim(), model.prototypes());
    }

    /**
     * Returns the architecture of this name.
     *
     * @param name one of {@link #NAMES}
     * @param stem imagenet or small
     * @throws IllegalArgumentException naming the field of the job's spec that is wrong
     */
    public static Architecture of(String name, String stem, int hidden, int features, int prototypes) {
        if (!stem.equals("imagenet") && !stem.equals("small")) {
            throw new IllegalArgumentException("model.stem is '" + stem + "', it must be imagenet or small");
        }
        boolean small = stem.equals("small");
        return switch (name) {
            case "resnet50" ->
                new Architecture(small, 64, true, stages(4, 64, 3, 4, 6, 3), hidden, features, prototypes);
            case "resnet18" ->
                new Architecture(small, 64, false, stages(1, 64, 2, 2, 2, 2), hidden, features, prototypes);
            case "tiny" -> new Architecture(small, 16, false, stages(1, 16, 1, 1, 1, 1), hidden, features, prototypes);
            default ->
                throw new IllegalArgumentException("model.architecture is '" + name + "', it must be one of " + NAMES);
        };
    }

    private static List<Stage> stages(int expansion, int inner, int... blocks) {
        List<Stage> stages = new ArrayList<>();
        for (int i = 0; i < blocks.length; i++) {
            stages.add(new Stage(blocks[i], inner << i, (inner << i) * expansion));
        }
        return List.copyOf(stages);
    }

    /** Returns the width of the pooled features. */
    public int width() {
        return stages.get(stages.size() - 1).width();
    }

    /**
     * Derives the architecture from the shapes of a state map with torchvision's names.
     *
     * @throws IllegalArgumentException naming the entry that is missing
     */
    public static Architecture ofShapes(Map<String, Shape> shapes) {
        boolean bottleneck = shapes.containsKey("layer1.0.conv3.weight");
        List<Stage> stages = new ArrayList<>();
        while (shapes.containsKey(stage(stages) + ".0.conv1.weight")) {
            String prefix = stage(stages);
            int blocks = 0;
            while (shapes.containsKey(prefix + "." + blocks + ".conv1.weight")) {
                blocks++;
            }
            stages.add(new Stage(
                    blocks,
                    side(shapes, prefix + ".0.conv1.weight", 0),
                    side(shapes, prefix + (bottleneck ? ".0.conv3.weight" : ".0.conv2.weight"), 0)));
        }
        if (stages.isEmpty()) {
            throw new IllegalArgumentException("no layer1.0.conv1.weight: this is not the state of a residual network");
        }
        return new Architecture(
                side(shapes, "conv1.weight", 2) == 3,
                side(shapes, "conv1.weight", 0),
                bottleneck,
                List.copyOf(stages),
                side(shapes, "projection_head.0.weight", 0),
                side(shapes, "projection_head.3.weight", 0),
                side(shapes, "prototypes.weight", 0));
    }

    private static String stage(List<Stage> before) {
        return "layer" + (before.size() + 1);
    }

    private static int side(Map<String, Shape> shapes, String name, int axis) {
        Shape shape = shapes.get(name);
        if (shape == null || shape.dimension() <= axis) {
            throw new IllegalArgumentException("no " + name + " with at least " + (axis + 1) + " dimensions");
        }
        return Math.toIntExact(shape.get(axis));
    }
}
