package io.swav.membership;

import com.sun.management.OperatingSystemMXBean;
import io.swav.api.StageTime;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * Measures where a change of the world spends its time, stage by stage: elapsed time, and processor time of the whole
 * process, because its other threads make crops and compile code meanwhile. A stage that comes again, as in a second
 * attempt, adds to the first. Used by one thread.
 */
public final class ChangeStages {
    private final LongSupplier clock;
    private final LongSupplier processor;
    private final Map<String, StageTime> stages = new LinkedHashMap<>();
    private long began;
    private long processorBegan;

    public ChangeStages() {
        this(System::nanoTime, processorTime());
    }

    /**
     * @param clock nanoseconds
     * @param processor nanoseconds of processor time of this process
     */
    ChangeStages(LongSupplier clock, LongSupplier processor) {
        this.clock = clock;
        this.processor = processor;
        begin();
    }

    private static LongSupplier processorTime() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system::getProcessCpuTime
                : () -> 0;
    }

    /** Begins anew, with the first stage. */
    public void begin() {
        stages.clear();
        began = clock.getAsLong();
        processorBegan = processor.getAsLong();
    }

    /** Ends a stage, which began when the one before ended. */
    public void end(String stage) {
        long now = clock.getAsLong();
        long processorNow = processor.getAsLong();
        StageTime time = new StageTime((now - began) / 1e9, (processorNow - processorBegan) / 1e9);
        stages.merge(stage, time, StageTime::plus);
        began = now;
        processorBegan = processorNow;
    }

    /** Returns the stages since {@link #begin}, in the order in which they ended first. */
    public Map<String, StageTime> all() {
        return new LinkedHashMap<>(stages);
    }

    /** Describes the stages, for example "connect 0.012, first step 0.250". */
    public String describe() {
        return stages.entrySet().stream()
                .map(stage -> String.format(
                        Locale.ROOT, "%s %.3f", stage.getKey(), stage.getValue().seconds()))
                .collect(Collectors.joining(", "));
    }
}
