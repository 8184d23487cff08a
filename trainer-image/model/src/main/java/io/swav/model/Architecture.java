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
 * @param hidden width of the head's hidden layer; 0 for none
 * @param headNorm whether batch norm follows the hidden layer
 * @param features dimension of the embedding
 * @param prototypes K
 */
public record Architecture(
        boolean smallStem,
        int stemWidth,
        boolean bottleneck,
        List<Stage> stages,
        int hidden,
        boolean headNorm,
        int features,
        int prototypes) {

    /** The number of blocks of one resolution, and their inner and output channels. */
    public record Stage(int blocks, int inner, int width) {}

    /**
     * A backbone: its width, which is the channels of the stem, how many times as wide blocks end as they are inside, and
     * the blocks of each stage. Layers of SwAV's wide networks are all w times as wide, unlike torchvision's
     * wide_resnet50_2, which widens the 3x3 convolutions alone.
     */
    private record Blueprint(String name, int width, int expansion, List<Integer> blocks) {
        Blueprint(String name, int width, int expansion, Integer... blocks) {
            this(name, width, expansion, List.of(blocks));
        }
    }

    private static final List<Blueprint> BLUEPRINTS = List.of(
            new Blueprint("resnet50", 64, 4, 3, 4, 6, 3),
            new Blueprint("resnet50w2", 128, 4, 3, 4, 6, 3),
            new Blueprint("resnet50w4", 256, 4, 3, 4, 6, 3),
            new Blueprint("resnet50w5", 320, 4, 3, 4, 6, 3),
            new Blueprint("resnet101", 64, 4, 3, 4, 23, 3),
            new Blueprint("resnet34", 64, 1, 3, 4, 6, 3),
            new Blueprint("resnet18", 64, 1, 2, 2, 2, 2),
            new Blueprint("tiny", 16, 1, 1, 1, 1, 1));

    /** The names that {@link #of} accepts. */
    public static final List<String> NAMES =
            BLUEPRINTS.stream().map(Blueprint::name).toList();

    /**
     * Returns the architecture that a job's spec describes.
     *
     * @throws IllegalArgumentException naming the field of the job's spec that is wrong
     */
    public static Architecture of(ModelSpec model) {
        Blueprint backbone = blueprint(model.architecture());
        Integer width = model.width();
        return of(
                backbone,
                width == null ? backbone.width() : width,
                model.stem(),
                new Head(
                        model.hiddenDim(),
                        !Boolean.FALSE.equals(model.headNorm()),
                        model.featureDim(),
                        model.prototypes()));
    }

    /**
     * Returns the architecture of this name, with batch norm in the head.
     *
     * @param name one of {@link #NAMES}
     * @param stem imagenet or small
     * @throws IllegalArgumentException naming the field of the job's spec that is wrong
     */
    public static Architecture of(String name, String stem, int hidden, int features, int prototypes) {
        Blueprint backbone = blueprint(name);
        return of(backbone, backbone.width(), stem, new Head(hidden, true, features, prototypes));
    }

    private record Head(int hidden, boolean norm, int features, int prototypes) {}

    private static Architecture of(Blueprint backbone, int width, String stem, Head head) {
        if (!stem.equals("imagenet") && !stem.equals("small")) {
            throw new IllegalArgumentException("model.stem is '" + stem + "', it must be imagenet or small");
        }
        return new Architecture(
                stem.equals("small"),
                width,
                backbone.expansion() > 1,
                stages(backbone.expansion(), width, backbone.blocks()),
                head.hidden(),
                head.norm() && head.hidden() > 0,
                head.features(),
                head.prototypes());
    }

    private static Blueprint blueprint(String name) {
        return BLUEPRINTS.stream()
                .filter(of -> of.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "model.architecture is '" + name + "', it must be one of " + NAMES));
    }

    private static List<Stage> stages(int expansion, int inner, List<Integer> blocks) {
        List<Stage> stages = new ArrayList<>();
        for (int i = 0; i < blocks.size(); i++) {
            stages.add(new Stage(blocks.get(i), inner << i, (inner << i) * expansion));
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
        boolean hasHidden = !shapes.containsKey(ProjectionHead.ALONE + ".weight");
        boolean headNorm = shapes.containsKey(ProjectionHead.NORM + ".weight");
        return new Architecture(
                side(shapes, "conv1.weight", 2) == 3,
                side(shapes, "conv1.weight", 0),
                bottleneck,
                List.copyOf(stages),
                hasHidden ? side(shapes, ProjectionHead.FIRST + ".weight", 0) : 0,
                headNorm,
                side(shapes, ProjectionHead.last(hasHidden, headNorm) + ".weight", 0),
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
