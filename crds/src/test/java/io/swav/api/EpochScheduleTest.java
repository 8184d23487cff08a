package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.EpochSchedule.Change;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EpochScheduleTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final EpochSchedule TEN = EpochSchedule.of(10);

    private static EpochSchedule schedule(Change... changes) {
        return new EpochSchedule(List.of(changes));
    }

    private static Change change(@Nullable Long step, int epochs) {
        return new Change(step, epochs);
    }

    @Test
    void eachStepHasTheEpochsOfTheLastChangeBeforeIt() {
        EpochSchedule raised = schedule(change(0L, 10), change(40L, 20), change(null, 30));
        assertThat(raised.epochsAt(39)).isEqualTo(10);
        assertThat(raised.epochsAt(40)).isEqualTo(20);
        assertThat(raised.epochsAt(Long.MAX_VALUE)).isEqualTo(20);
        assertThat(raised.epochs()).isEqualTo(30);
    }

    @Test
    void trainersAgreeOnTheStepOfAChangeThatHasNone() {
        EpochSchedule published = TEN.raisedTo(20);
        assertThat(published).isEqualTo(schedule(change(0L, 10), change(null, 20)));
        assertThat(TEN.following(published, 40)).isEqualTo(schedule(change(0L, 10), change(40L, 20)));
        assertThat(TEN.following(published, 40).following(published, 60))
                .as("it is in force already")
                .isEqualTo(schedule(change(0L, 10), change(40L, 20)));
        assertThat(TEN.following(published, 0)).isEqualTo(schedule(change(0L, 20)));
        assertThat(TEN.following(null, 40)).isEqualTo(TEN);
    }

    @Test
    void aStateFromBeforeAChangeComesToItAtTheSameStep() {
        EpochSchedule published = schedule(change(0L, 10), change(40L, 20));
        assertThat(TEN.following(published, 25)).isEqualTo(published);
        assertThat(TEN.following(published, 50)).isEqualTo(schedule(change(0L, 10), change(50L, 20)));
    }

    @Test
    void aLaterRaiseReplacesOneThatIsNotInForceYet() {
        EpochSchedule published = schedule(change(0L, 10), change(40L, 20), change(null, 30));
        assertThat(TEN.following(published, 25)).isEqualTo(schedule(change(0L, 10), change(25L, 30)));
        assertThat(TEN.raisedTo(20).raisedTo(30)).isEqualTo(TEN.raisedTo(30));
    }

    @Test
    void epochsAreNeverLowered() {
        assertThat(TEN.raisedTo(10)).isEqualTo(TEN);
        assertThat(TEN.raisedTo(5)).isEqualTo(TEN);
        assertThat(TEN.following(EpochSchedule.of(5), 3)).isEqualTo(TEN);
        assertThat(TEN.agreed(change(3L, 5))).isEqualTo(TEN);
    }

    @Test
    void theOperatorLearnsTheStepFromReports() {
        EpochSchedule pending = TEN.raisedTo(20);
        assertThat(pending.agreed(change(0L, 10))).isEqualTo(pending);
        assertThat(pending.agreed(change(40L, 20))).isEqualTo(schedule(change(0L, 10), change(40L, 20)));
        assertThat(pending.agreed(change(40L, 20)).agreed(change(25L, 20)))
                .as("trainers resumed before the step that was known")
                .isEqualTo(schedule(change(0L, 10), change(25L, 20)));
        assertThat(pending.agreed(change(25L, 20)).agreed(change(40L, 20)))
                .isEqualTo(schedule(change(0L, 10), change(40L, 20)));
        assertThat(TEN.agreed(change(40L, 20)))
                .as("the operator's own knowledge was lost")
                .isEqualTo(schedule(change(0L, 10), change(40L, 20)));
    }

    /** Whatever was published and seen, a schedule stays one, has all changes, and the past stays as it was. */
    @Test
    void followingKeepsThePast() {
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            EpochSchedule published = TEN;
            EpochSchedule state = TEN;
            long step = 0;
            for (int i = 0; i < 12; i++) {
                if (random.nextBoolean()) {
                    published = published.raisedTo(10 + random.nextInt(40));
                }
                step += random.nextInt(20);
                EpochSchedule next = state.following(published, step);
                for (long past = 0; past < step; past++) {
                    assertThat(next.epochsAt(past)).as("seed %d", seed).isEqualTo(state.epochsAt(past));
                }
                assertThat(next.epochs()).as("seed %d", seed).isEqualTo(published.epochs());
                assertThat(next.following(published, step + 1))
                        .as("seed %d", seed)
                        .isEqualTo(next);
                if (random.nextInt(3) == 0) {
                    published = published.agreed(next.last());
                }
                if (random.nextInt(4) > 0) {
                    state = next; // otherwise a checkpoint from before it is resumed
                }
            }
        }
    }

    @Test
    void isAListInJson() throws JsonProcessingException {
        EpochSchedule raised = schedule(change(0L, 10), change(null, 20));
        String json = JSON.writeValueAsString(raised);
        assertThat(json).isEqualTo("[{\"step\":0,\"epochs\":10},{\"epochs\":20}]");
        assertThat(JSON.readValue(json, EpochSchedule.class)).isEqualTo(raised);
    }

    @Test
    void refusesWhatNobodyPublishes() {
        assertThatThrownBy(() -> new EpochSchedule(List.of())).hasMessageContaining("needs a list");
        assertThatThrownBy(() -> schedule(change(0L, 10), change(5L, 10))).hasMessageContaining("must grow");
        assertThatThrownBy(() -> schedule(change(null, 10), change(5L, 20))).hasMessageContaining("must grow");
        assertThatThrownBy(() -> change(0L, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
