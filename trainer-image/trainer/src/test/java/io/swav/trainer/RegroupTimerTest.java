package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport.Regroup;
import java.util.Objects;
import java.util.OptionalLong;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Times are in tenths of a second, for readability. */
class RegroupTimerTest {
    private final RegroupTimer clock = new RegroupTimer();

    @Test
    void aPauseIsWhatLiesBetweenTwoStepsBeyondANormalOne() {
        clock.entering(tenths(0));
        clock.formed(1);
        step(10, 14);
        step(14, 18);
        step(18, 40); // one slow step does not change what a normal step is
        step(40, 44);
        clock.began(tenths(44));
        assertThat(clock.broke()).isTrue();
        clock.entering(tenths(50));
        clock.formed(2);
        assertThat(clock.regroup()).isEqualTo(new Regroup(2, null, 1, 0, 0));
        step(60, 65);
        assertThat(figures().pauseSeconds()).isCloseTo(2.1 - .4, Offset.offset(1e-9));
        step(65, 70);
        assertThat(figures().keptSteps()).isEqualTo(2);
        assertThat(figures().keptSeconds()).isCloseTo(1.0, Offset.offset(1e-9));
        assertThat(figures().pauseSeconds()).isCloseTo(1.7, Offset.offset(1e-9));
    }

    @Test
    void aNewcomerHasNoPauseAndALaterChangeHasOne() {
        clock.entering(tenths(0));
        clock.formed(7);
        step(30, 34);
        assertThat(figures().pauseSeconds()).isNull();
        assertThat(clock.broke()).isFalse();
        clock.formed(8);
        step(40, 44);
        assertThat(figures()).isEqualTo(new Regroup(8, .6, 0, 1, .4));
    }

    @Test
    void continuesCountingWhenAWorldIsFormedTwice() {
        clock.formed(1);
        step(0, 4);
        step(4, 8);
        clock.formed(2);
        step(10, 14);
        clock.began(tenths(14));
        clock.broke();
        clock.formed(2);
        clock.began(tenths(20));
        clock.broke(); // the same step is repeated
        clock.formed(2);
        step(24, 28);
        assertThat(figures().droppedSteps()).isEqualTo(2);
        assertThat(figures().keptSteps()).isEqualTo(2);
        assertThat(figures().pauseSeconds()).isCloseTo(.2 + 1.0, Offset.offset(1e-9));
    }

    @Test
    void countsStalledTimeFromTheLastStepWhilePeersMayWait() {
        assertThat(waiting(5)).isNull();
        clock.entering(tenths(10));
        clock.entering(tenths(30)); // another attempt
        assertThat(waiting(50)).isEqualTo(4);
        clock.formed(1);
        step(50, 54);
        clock.broke();
        clock.entering(tenths(60));
        assertThat(waiting(64)).isEqualTo(1);
        clock.outside();
        assertThat(waiting(99)).isNull();
    }

    /** Neither the retry after a long wait for a hung peer nor the first step after one is a stall of this trainer. */
    @Test
    void stallCountsOnlySinceTheReturnFromPeers() {
        clock.entering(tenths(0));
        clock.formed(1);
        step(0, 4);
        clock.broke();
        clock.entering(tenths(6));
        assertThat(waiting(104)).isEqualTo(10);
        assertThat(clock.stalledSeconds(tenths(105), OptionalLong.of(tenths(104))))
                .isEqualTo(.1);
        assertThat(clock.stalledSeconds(tenths(204), OptionalLong.of(tenths(104))))
                .isEqualTo(10);
        step(104, 108);
        assertThat(clock.stalledSeconds(tenths(110), OptionalLong.of(tenths(107))))
                .isEqualTo(.2);
    }

    /** A step that this trainer has made was made by all members; the next shows whether they are still there. */
    @Test
    void allMembersAreHeardWhileTheWorldMakesSteps() {
        clock.entering(tenths(0));
        clock.formed(1);
        assertThat(clock.heardAll(tenths(1))).as("no step yet").isFalse();
        step(0, 4);
        assertThat(clock.heardAll(tenths(34))).isTrue();
        assertThat(clock.heardAll(tenths(35))).as("the next step is overdue").isFalse();
        step(30, 44);
        assertThat(clock.heardAll(tenths(45))).isTrue();
        clock.broke();
        assertThat(clock.heardAll(tenths(45))).isFalse();
        clock.entering(tenths(46));
        clock.formed(2);
        assertThat(clock.heardAll(tenths(47))).isFalse();
        step(47, 51);
        assertThat(clock.heardAll(tenths(52))).isTrue();
        clock.entering(tenths(53));
        assertThat(clock.heardAll(tenths(53))).as("it forms the next world").isFalse();
        step(53, 57);
        clock.outside();
        assertThat(clock.heardAll(tenths(58))).isFalse();
    }

    @Test
    void aLongStepIsOverdueAfterTwoOfItsKind() {
        clock.formed(1);
        step(0, 100);
        assertThat(clock.heardAll(tenths(300))).isTrue();
        assertThat(clock.heardAll(tenths(301))).isFalse();
    }

    private @Nullable Double waiting(long at) {
        return clock.stalledSeconds(tenths(at), OptionalLong.empty());
    }

    private Regroup figures() {
        return Objects.requireNonNull(clock.regroup());
    }

    private void step(long from, long to) {
        clock.began(tenths(from));
        clock.applied(tenths(to));
    }

    private static long tenths(long time) {
        return time * 100_000_000;
    }
}
