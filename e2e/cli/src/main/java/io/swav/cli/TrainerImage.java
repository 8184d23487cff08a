package io.swav.cli;

import io.swav.local.LocalImage;
import io.swav.trainer.Main;
import java.util.List;

/** The trainer of this build, which local clusters run for every image whose name contains {@code swav-trainer}. */
public final class TrainerImage implements LocalImage {
    @Override
    public String namePart() {
        return "swav-trainer";
    }

    @Override
    public List<String> jvmOptions() {
        return Main.JVM_OPTIONS;
    }

    @Override
    public String mainClass() {
        return Main.class.getName();
    }

    @Override
    public List<String> arguments() {
        return List.of("train");
    }
}
