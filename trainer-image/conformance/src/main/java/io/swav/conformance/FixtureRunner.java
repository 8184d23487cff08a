package io.swav.conformance;

import io.swav.collective.Collective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Runs a folder of fixtures: maps each file to the suite that checks it, for one rank and for several. */
final class FixtureRunner {
    private final Path folder;

    FixtureRunner(Path folder) {
        this.folder = folder;
    }

    /** Checks every file in a world of one rank. */
    void alone(Collective solo, CaseReport report) {
        for (Fixture fixture : fixtures()) {
            Optional<Suite> suite = shared(fixture).or(() -> single(fixture));
            if (suite.isEmpty()) {
                report.accept(GoldenCase.skipped(fixture.stem(), "no suite reads files of this name"));
            } else {
                CaseRunner.run(fixture.stem(), report, name -> suite.get().run(fixture, solo, report));
            }
        }
    }

    /** Checks the files whose results depend on the world: Sinkhorn, loss, whole models. Every rank calls it. */
    void together(Collective world, CaseReport report) {
        for (Fixture fixture : fixtures()) {
            shared(fixture)
                    .ifPresent(suite -> CaseRunner.run(
                            fixture.stem() + " w" + world.size(), report, name -> suite.run(fixture, world, report)));
        }
    }

    private static Optional<Suite> shared(Fixture fixture) {
        String stem = fixture.stem();
        if (stem.startsWith("sinkhorn")) {
            return Optional.of(new SinkhornSuite());
        }
        if (stem.startsWith("loss")) {
            return Optional.of(new LossSuite());
        }
        return stem.startsWith("model_") ? Optional.of(new ModelSuite()) : Optional.empty();
    }

    private static Optional<Suite> single(Fixture fixture) {
        String stem = fixture.stem();
        if (stem.startsWith("larc")) {
            return Optional.of(new LarcSuite());
        }
        if (stem.startsWith("lr_schedule")) {
            return Optional.of(new ScheduleSuite());
        }
        if (stem.equals("augment")) {
            return Optional.of(new AugmentSuite());
        }
        return stem.startsWith("arch") ? Optional.of(new ArchSuite()) : Optional.empty();
    }

    private List<Fixture> fixtures() {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> name.endsWith(".npz"))
                    .sorted()
                    .map(name -> new Fixture(folder, name))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder, e);
        }
    }
}
