package io.swav.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Repeats the CRD's CEL rules in Java: API servers below 1.25 ignore CEL, and a spec read from a file never reaches a
 * server. The messages are defined once, here; {@link SwavJobSpec} attaches the same ones to its CEL rules. Rules that
 * neither a schema nor CEL can express are added: numbers must be finite, and URIs must be well-formed.
 */
public final class SpecValidator {
    static final String MIN_REPLICAS =
            "spec.replicas is below spec.elastic.minReplicas: raise replicas, or lower minReplicas (suspend: true stops a job)";
    static final String MAX_REPLICAS =
            "spec.replicas is above spec.elastic.maxReplicas: lower replicas or raise maxReplicas";
    static final String GROUPS = "spec.replicas and spec.elastic.maxReplicas must not exceed the number of groups,"
            + " training.globalBatch / training.groupSize: a group is never split, so more trainers would be idle";
    static final String TWO_CROPS =
            "spec.crops needs at least two crops of an image: each crop predicts the codes of the others";
    static final String SCALES = "spec.crops: minScale must be below maxScale";
    static final String QUEUE_MODE = "spec.assignment.queue needs spec.assignment.mode Queue";
    static final String QUEUE_LENGTH = "spec.assignment.queue.length, 3840 if unset, must be at least"
            + " spec.training.globalBatch: the queue holds whole batches";
    static final String QUEUE_EPOCH = "spec.assignment.queue.fromEpoch, 15 if unset, must be below"
            + " spec.training.epochs: the queue would never be used";
    static final String GROUP_SIZE = "spec.training.groupSize must divide spec.training.globalBatch";
    static final String BATCH_NORM =
            "spec.training.batchNorm.groupSize must be a multiple of training.groupSize that divides training.globalBatch";
    static final String ROUNDED =
            "spec.training.gradients.precision bf16 needs training.reproducibility Fast: the rounding"
                    + " between trainers depends on their number";
    static final String WARM_UP = "spec.training.optimizer.warmupEpochs is longer than spec.training.epochs";
    private static final String THREE_SLASHES =
            ": a folder is file:///folder, with three slashes; after two slashes comes the name of a machine";
    static final String DATA_URI = "spec.data.uri" + THREE_SLASHES;
    static final String DATA_EVAL_URI = "spec.data.evalUri" + THREE_SLASHES;
    static final String CHECKPOINT_URI = "spec.checkpoint.uri" + THREE_SLASHES;
    /** An absolute path of one part or more, without what Kubernetes refuses in the path of a mount. */
    static final String CACHE_PATH_FORM = "^(/[^/:]+)+/?$";

    static final String CACHE_SIZE_FORM = "^[1-9][0-9]{0,8}[MGT]i$";
    static final String CACHE_PATH = "spec.data.cache.path is an absolute path such as /cache, without a colon";
    static final String CACHE_SIZE = "spec.data.cache.size is a whole number of Mi, Gi or Ti, such as 200Gi";
    static final String FIXED_MODEL = "spec.model cannot change: create a new SwavJob";
    static final String FIXED_DATA =
            "spec.data cannot change, except workers, maxBadSamples, cache and growCheckSeconds: create a new SwavJob";
    static final String GROW_STORE =
            "spec.data.grow needs spec.checkpoint.uri: which epoch sees which images is kept there";
    static final String GROW_PLACE = "spec.data.grow needs a spec.data.uri that can list more files later: a folder, a"
            + " prefix or a pattern with *, not shards by name and no web server";
    /** A web server, or a last part that names shards. */
    static final String NAMED_SHARDS_FORM = "^(https?://.*|(.*/)?[^/*?]*[.](tar|tgz|tar[.]gz|tar[.]zst))$";

    static final String FIXED_CROPS = "spec.crops cannot change: create a new SwavJob";
    static final String FIXED_ASSIGNMENT = "spec.assignment cannot change: create a new SwavJob";
    static final String FIXED_TRAINING = "spec.training cannot change, except epochs and threads: create a new SwavJob";
    static final String EPOCHS_GROW = "spec.training.epochs can only be raised: create a new SwavJob to train less";
    static final String FIXED_THREADS = "spec.training.threads cannot change with reproducibility Bitwise, because the"
            + " bits depend on it: create a new SwavJob";
    static final String FIXED_CHECKPOINT =
            "spec.checkpoint.uri and s3 cannot change, only when checkpoints are written and how many are kept: create a new SwavJob";

    private SpecValidator() {}

    /** Returns messages for the rules that a spec breaks by itself, each naming its field; empty for a valid spec. */
    public static List<String> broken(SwavJobSpec spec) {
        TrainingSpec training = spec.training();
        List<String> broken = new ArrayList<>();
        check(spec.elastic().minReplicas() <= spec.replicas(), MIN_REPLICAS, broken);
        Integer max = spec.elastic().maxReplicas();
        check(max == null || spec.replicas() <= max, MAX_REPLICAS, broken);
        int groups = training.groups();
        check(spec.replicas() <= groups && (max == null || max <= groups), GROUPS, broken);
        check(spec.crops().size() > 1 || spec.crops().get(0).count() > 1, TWO_CROPS, broken);
        for (CropSpec crop : spec.crops()) {
            check(crop.minScale() < crop.maxScale(), SCALES, broken);
        }
        AssignmentSpec.Queue queue = spec.assignment().queue();
        boolean queued = spec.assignment().mode() == AssignmentSpec.Mode.Queue;
        check(queue == null || queued, QUEUE_MODE, broken);
        check(queue == null || !queued || training.globalBatch() <= queue.length(), QUEUE_LENGTH, broken);
        check(queue == null || !queued || training.epochs() > queue.fromEpoch(), QUEUE_EPOCH, broken);
        check(training.globalBatch() % training.groupSize() == 0, GROUP_SIZE, broken);
        Integer normed = training.batchNorm().groupSize();
        check(
                normed == null || (normed % training.groupSize() == 0 && training.globalBatch() % normed == 0),
                BATCH_NORM,
                broken);
        boolean bitwise = training.reproducibility() == TrainingSpec.Reproducibility.Bitwise;
        boolean rounded = training.gradients().precision().equals(TrainingSpec.Precision.bf16.name());
        check(!bitwise || !rounded, ROUNDED, broken);
        check(training.optimizer().warmupEpochs() <= training.epochs(), WARM_UP, broken);
        check(!namesMachine(spec.data().uri()), DATA_URI, broken);
        check(!namesMachine(spec.data().evalUri()), DATA_EVAL_URI, broken);
        check(!namesMachine(spec.checkpoint().uri()), CHECKPOINT_URI, broken);
        DataSpec.Cache cache = spec.data().cache();
        check(cache == null || cache.path().matches(CACHE_PATH_FORM), CACHE_PATH, broken);
        check(cache == null || cache.size().matches(CACHE_SIZE_FORM), CACHE_SIZE, broken);
        boolean grows = spec.data().grows();
        check(!grows || spec.checkpoint().uri() != null, GROW_STORE, broken);
        check(!grows || spec.data().canGrow(), GROW_PLACE, broken);
        broken.addAll(FiniteNumbers.problems("spec", spec));
        broken.addAll(places(spec));
        broken.addAll(ofRecipe(spec, broken));
        return List.copyOf(broken);
    }

    /** Says which recipe sets what a message may be about, and refuses one that this version does not know. */
    private static List<String> ofRecipe(SwavJobSpec spec, List<String> broken) {
        String name = spec.recipe();
        if (name == null) {
            return List.of();
        }
        if (Recipe.named(name).isEmpty()) {
            return List.of("spec.recipe is \"" + Shown.of(name) + "\", must be one of "
                    + String.join(", ", Recipe.all().stream().map(Recipe::name).toList()));
        }
        return broken.isEmpty()
                ? List.of()
                : List.of("spec.recipe " + name + " sets what the manifest does not: ./swav recipes " + name
                        + " prints it");
    }

    /** Returns the message that names what another recipe changes; empty if it is the same one. */
    private static List<String> ofRecipe(SwavJobSpec before, SwavJobSpec now) {
        if (Objects.equals(before.recipe(), now.recipe())) {
            return List.of();
        }
        Fingerprints settings = Fingerprints.NONE.withSettings(TrainingSettings.of(now));
        return List.of("spec.recipe is " + Objects.requireNonNullElse(now.recipe(), "unset") + " instead of "
                + Objects.requireNonNullElse(before.recipe(), "unset") + ": "
                + String.join(", ", settings.changedSettings(TrainingSettings.of(before))));
    }

    /** Returns messages for the URIs that cannot be parsed. These rules are not in the CRD: CEL cannot parse a URI. */
    private static List<String> places(SwavJobSpec spec) {
        List<String> broken = new ArrayList<>();
        place("spec.data.uri", spec.data().uri(), StorageUri::requireData, broken);
        place("spec.data.evalUri", spec.data().evalUri(), StorageUri::requireData, broken);
        place("spec.data.s3.endpoint", endpoint(spec.data().s3()), StorageUri::endpoint, broken);
        place("spec.checkpoint.uri", spec.checkpoint().uri(), StorageUri::requireStore, broken);
        place("spec.checkpoint.s3.endpoint", endpoint(spec.checkpoint().s3()), StorageUri::endpoint, broken);
        return broken;
    }

    private static @Nullable String endpoint(@Nullable S3Spec s3) {
        return s3 == null ? null : s3.endpoint();
    }

    private static void place(String field, @Nullable String uri, Consumer<String> rule, List<String> broken) {
        if (uri == null || namesMachine(uri)) {
            return;
        }
        try {
            rule.accept(uri);
        } catch (IllegalArgumentException e) {
            broken.add(field + ": " + e.getMessage());
        }
    }

    private static boolean namesMachine(@Nullable String uri) {
        return uri != null && uri.startsWith("file://") && !uri.startsWith("file:///");
    }

    /**
     * Returns messages for the immutable fields in which {@code now} differs from {@code before}; empty if none does.
     */
    public static List<String> changed(SwavJobSpec before, SwavJobSpec now) {
        List<String> changed = new ArrayList<>();
        check(same(before, now, SwavJobSpec::model), FIXED_MODEL, changed);
        DataSpec data = now.data();
        check(
                before.data()
                        .with(data.workers(), data.maxBadSamples(), data.cache(), data.growCheckSeconds())
                        .equals(data),
                FIXED_DATA,
                changed);
        check(same(before, now, SwavJobSpec::crops), FIXED_CROPS, changed);
        check(same(before, now, SwavJobSpec::assignment), FIXED_ASSIGNMENT, changed);
        TrainingSpec training = now.training();
        TrainingSpec trained = before.training();
        check(trained.with(training.epochs(), training.threads()).equals(training), FIXED_TRAINING, changed);
        check(training.epochs() >= trained.epochs(), EPOCHS_GROW, changed);
        check(
                training.reproducibility() == TrainingSpec.Reproducibility.Fast
                        || training.threads().equals(trained.threads()),
                FIXED_THREADS,
                changed);
        CheckpointSpec checkpoint = now.checkpoint();
        check(
                before.checkpoint()
                        .with(checkpoint.everySteps(), checkpoint.everySeconds(), checkpoint.keep())
                        .equals(checkpoint),
                FIXED_CHECKPOINT,
                changed);
        if (!changed.isEmpty()) {
            changed.addAll(ofRecipe(before, now));
        }
        return List.copyOf(changed);
    }

    private static boolean same(SwavJobSpec before, SwavJobSpec now, Function<SwavJobSpec, @Nullable Object> field) {
        return Objects.equals(field.apply(before), field.apply(now));
    }

    private static void check(boolean holds, String message, List<String> broken) {
        if (!holds && !broken.contains(message)) {
            broken.add(message);
        }
    }
}
