package io.swav.conformance;

import static io.swav.conformance.Fixture.field;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.swav.collective.Collective;
import io.swav.model.Architecture;
import io.swav.model.Larc;
import io.swav.model.Learner;
import io.swav.model.QueueSettings;
import io.swav.model.Sinkhorn;
import io.swav.model.StepSettings;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Checks {@code model_<name>.npz}: whole training steps. Batch norm spans the global batch at every world size, as the
 * file defines; in {@code model_<name>_w2_localbn.npz} it spans the half batch of each of the reference's ranks.
 */
final class ModelSuite implements Suite {
    private static final String LOCAL = "_w2_localbn";
    private static final String F64 = "_f64";
    private static final double MOMENTUM = 0.9;
    private static final double TRUST = 1e-3;

    /** The properties that determine the shape of a run. */
    private record Run(String name, JsonNode meta, int groups, boolean localNorm) {}

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        String stem = fixture.stem();
        boolean local = stem.endsWith(LOCAL);
        String base = local ? stem.substring(0, stem.length() - LOCAL.length()) : without(stem, F64);
        String name = base.substring("model_".length());
        String title = stem + " w" + world.size();
        JsonNode meta = null;
        for (JsonNode candidate : fixture.json("model.json")) {
            if (field(candidate, "name").asText().equals(name)) {
                meta = candidate;
            }
        }
        if (meta == null) {
            report.accept(GoldenCase.failed(title, "model.json has no case named " + name));
            return;
        }
        if (!Files.exists(fixture.folder().resolve(base + ".npz"))) {
            report.accept(GoldenCase.failed(title, base + ".npz, which holds the weights and the crops, is missing"));
            return;
        }
        int batch = field(meta, "B").asInt();
        int groups = batch % 4 == 0 ? 4 : batch % 2 == 0 ? 2 : 1;
        if (groups < world.size() || batch % groups != 0) {
            report.accept(GoldenCase.skipped(
                    title, "a batch of " + batch + " cannot be split over " + world.size() + " ranks"));
            return;
        }
        Run run = new Run(title, meta, groups, local);
        try (NpzFile source = new Fixture(fixture.folder(), base + ".npz").arrays();
                NpzFile expected = fixture.arrays()) {
            train(run, source, expected, world, report);
        }
    }

    private static String without(String text, String ending) {
        return text.endsWith(ending) ? text.substring(0, text.length() - ending.length()) : text;
    }

    private static void train(Run run, NpzFile source, NpzFile expected, Collective world, CaseReport report) {
        try (NDManager manager = TorchRuntime.root()) {
            Map<String, NDArray> init = initial(source, manager);
            Map<String, Shape> shapes = new LinkedHashMap<>();
            init.forEach((name, array) -> shapes.put(name, array.getShape()));
            StepSettings settings = settings(run);
            BatchShare share = new BatchShare(world, settings.batch(), run.groups());
            ModelExpectation golden = new ModelExpectation(run.name(), expected, run.localNorm(), share, report);
            double[] rates = rates(run.meta());
            try (Learner learner = new Learner(
                    settings, Architecture.ofShapes(shapes), step -> rates[Math.toIntExact(step)], manager)) {
                learner.network().load(init);
                for (int step = 0; step < rates.length; step++) {
                    int now = step;
                    learner.lossAndGradients(
                            (scope, group) -> crops(source, settings, scope, now, group), share.runs(), world, step, 1);
                    double loss = learner.averageGradients().loss();
                    golden.forward(step, loss, learner.outputs());
                    if (step == 0) {
                        golden.gradients(learner.gradients(manager));
                    }
                    learner.apply();
                    golden.parameters(step, learner.model());
                }
                Map<String, NDArray> optimizer = learner.optimizer();
                golden.end(init, learner.model(), optimizer, drift(rates));
                NDArray queue = optimizer.get(Learner.QUEUE);
                if (queue != null) {
                    golden.queue(queue);
                }
            }
        }
    }

    private static Map<String, NDArray> initial(NpzFile source, NDManager manager) {
        Map<String, NDArray> init = new LinkedHashMap<>();
        for (String key : source.keys()) {
            if (key.startsWith("init/")) {
                NDArray values = source.array(manager, key);
                init.put(
                        key.substring("init/".length()),
                        key.endsWith(".num_batches_tracked") ? values.toType(DataType.INT64, false) : values);
            }
        }
        return init;
    }

    private static StepSettings settings(Run run) {
        JsonNode meta = run.meta();
        int batch = field(meta, "B").asInt();
        int group = batch / run.groups();
        List<StepSettings.Crops> crops = new ArrayList<>();
        for (int i = 0; i < field(meta, "sizes").size(); i++) {
            crops.add(new StepSettings.Crops(
                    field(meta, "nmb_crops").get(i).asInt(),
                    field(meta, "sizes").get(i).asInt()));
        }
        return new StepSettings(
                batch,
                group,
                run.localNorm() ? batch / 2 : batch,
                crops,
                new Sinkhorn(
                        field(meta, "epsilon").asDouble(), meta.path("iters").asInt(3)),
                field(meta, "temperature").asDouble(),
                new Larc(MOMENTUM, field(meta, "wd").asDouble(), TRUST, false),
                field(meta, "freeze").asLong(),
                true,
                StepSettings.BUCKET_BYTES,
                Precision.FP32,
                Precision.FP32,
                new QueueSettings(field(meta, "queue").asInt() / batch, 0));
    }

    private static double[] rates(JsonNode meta) {
        double[] rates = new double[field(meta, "steps").asInt()];
        for (int i = 0; i < rates.length; i++) {
            rates[i] = field(meta, "lr").get(i).asDouble();
        }
        return rates;
    }

    /** A bound on the relative change of a parameter whose gradient is rounding noise that LARC scales up. */
    private static double drift(double[] rates) {
        double momentum = 0;
        double sum = 0;
        for (double rate : rates) {
            momentum = MOMENTUM * momentum + 1;
            sum += 2 * rate * TRUST * momentum;
        }
        return sum;
    }

    /** Returns one group's rows of the step's stored crops. */
    private static List<NDArray> crops(NpzFile source, StepSettings settings, NDManager scope, int step, int group) {
        List<NDArray> resolutions = new ArrayList<>();
        int crop = 0;
        for (StepSettings.Crops crops : settings.crops()) {
            List<NDArray> parts = new ArrayList<>();
            for (int i = 0; i < crops.count(); i++) {
                NDArray all = source.array(scope, "crops/step" + step + "_crop" + crop++);
                parts.add(TorchOps.rows(scope, all, (long) group * settings.group(), (group + 1L) * settings.group()));
            }
            resolutions.add(TorchOps.concat(scope, parts, 0));
        }
        return resolutions;
    }
}
