package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.ExitCodes;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
import io.swav.model.CropSource;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Faults that this trainer injects into itself, for tests and storms: {@link TrainerEnv#INJECT}, several separated by
 * commas.
 *
 * <p>{@code nan@STEP[:RANK][:always]} makes all pixels of the first group of one rank (0) NaN when global step STEP is
 * computed, counted from 0: the first time in this process, or every time.
 */
final class InjectedFaults {
    private static final Logger LOG = LoggerFactory.getLogger(InjectedFaults.class);
    private static final Pattern NAN = Pattern.compile("nan@(\\d{1,18})(?::(\\d{1,9}))?(:always)?");

    private record NotANumber(long step, int rank, boolean always) {
        static NotANumber of(String text) {
            Matcher fault = NAN.matcher(text);
            if (!fault.matches()) {
                throw new TrainerExitException(
                        ExitCodes.CONFIG,
                        TrainerEnv.INJECT + " has \"" + text + "\", not a fault such as nan@STEP[:RANK][:always]");
            }
            int rank = fault.group(2) == null ? 0 : Integer.parseInt(fault.group(2));
            return new NotANumber(Long.parseLong(fault.group(1)), rank, fault.group(3) != null);
        }
    }

    private final List<NotANumber> faults;
    private final Set<NotANumber> injected = ConcurrentHashMap.newKeySet();

    private InjectedFaults(List<NotANumber> faults) {
        this.faults = faults;
    }

    /**
     * Reads the value of {@link TrainerEnv#INJECT}.
     *
     * @param text empty for no faults
     * @throws TrainerExitException if the text is not a list of faults
     */
    static InjectedFaults of(String text) {
        return new InjectedFaults(Arrays.stream(text.split(","))
                .map(String::strip)
                .filter(fault -> !fault.isEmpty())
                .map(NotANumber::of)
                .toList());
    }

    /**
     * Returns the crops with which a rank computes a step: with a fault, if one is due.
     *
     * @param group the rank's first group
     */
    CropSource into(CropSource crops, long step, int rank, int group) {
        boolean due = faults.stream()
                .anyMatch(fault ->
                        fault.step() == step && fault.rank() == rank && (injected.add(fault) || fault.always()));
        if (!due) {
            return crops;
        }
        LOG.warn("{}: the pixels of group {} are NaN at step {}", TrainerEnv.INJECT, group, step);
        return (manager, each) -> {
            List<NDArray> sound = crops.group(manager, each);
            return each != group
                    ? sound
                    : sound.stream().map(crop -> crop.mul(Float.NaN)).toList();
        };
    }
}
