package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.World;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.Ranked;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Transfers the state from rank to rank, over real sockets. */
class WorldFormationTest {
    @Test
    void theNewestStateReachesOutdatedRanksAndNewcomers() throws Exception {
        List<Held> held = List.of(new Held(4, 1, 2), new Held(5, 7, 8), new Held(-1, 0, 0));
        among(held, WorldFormationTest::share);
        assertThat(held).allSatisfy(each -> {
            assertThat(each.step()).isEqualTo(5);
            assertThat(each.values()).containsExactly(7, 7, 7, 8, 8, 8);
        });
    }

    @Test
    void aReceiverKeepsItsStateWhenTheSourceDies() throws Exception {
        for (long step : new long[] {4, -1}) {
            Held behind = new Held(step, 1, 2);
            Held dying = new Held(5, 7, 8);
            among(List.of(behind, dying), (collective, state) -> {
                if (state == dying) {
                    dying.arrays.remove(1); // sends one array, and then closes the connection
                    share(collective, state);
                } else {
                    assertThatThrownBy(() -> share(collective, state)).isInstanceOf(CollectiveException.class);
                }
            });
            assertThat(behind.step()).isEqualTo(step);
            assertThat(behind.values()).containsExactly(1, 1, 1, 2, 2, 2);
        }
    }

    /** The newcomer and the one that missed the last world have other epochs; the state's source decides. */
    @Test
    void theEpochsOfTheStateGoToAllRanksTogetherWithThoseOfTheDocument() throws Exception {
        EpochSchedule inState =
                EpochSchedule.of(10).following(EpochSchedule.of(10).raisedTo(20), 5);
        List<Held> held = List.of(new Held(-1, 0, 0), new Held(7, 1, 2), new Held(7, 1, 2), new Held(4, 3, 3));
        held.get(1).epochs = inState;
        held.get(2).epochs = EpochSchedule.of(10); // lost its peers before it took the change over
        among(held, (collective, state) -> share(collective, state, inState.raisedTo(30)));
        EpochSchedule expected = inState.following(inState.raisedTo(30), 7);
        assertThat(expected.changes()).hasSize(3);
        assertThat(held).allSatisfy(state -> assertThat(state.epochs).isEqualTo(expected));
    }

    @Test
    void aRankWhoseDocumentWasEditedFollowsTheSource() throws Exception {
        List<Held> held = List.of(new Held(7, 1, 2), new Held(7, 1, 2));
        among(
                held,
                (collective, state) ->
                        share(collective, state, EpochSchedule.of(10).raisedTo(collective.rank() == 0 ? 20 : 99)));
        assertThat(held).allSatisfy(state -> assertThat(state.epochs.epochs()).isEqualTo(20));
    }

    /** A trainer may have decided on a larger set with one that died; where the state's source decided, all follow. */
    @Test
    void whichImagesEpochsSeeComesWithTheState() throws Exception {
        List<Held> held = List.of(new Held(7, 1, 2), new Held(9, 1, 2), new Held(StateElection.NOTHING, 0, 0));
        DataLedger grown = DataLedger.of(100, "a").grown(new DataLedger.Entry(3, 150, "b"));
        held.get(0).data = DataLedger.of(100, "a").decided(4);
        held.get(1).data = grown;
        among(held, WorldFormationTest::share);
        assertThat(held).allSatisfy(state -> assertThat(state.data).isEqualTo(grown));
    }

    @Test
    void theBarrierReturnsTheNewestGenerationThatAllHaveSeen() throws Exception {
        List<Held> held = List.of(new Held(6, 0, 0), new Held(5, 0, 0), new Held(9, 0, 0));
        among(
                held,
                (collective, state) ->
                        assertThat(RankExchange.least(collective, state.step())).isEqualTo(5));
    }

    private static void share(Collective collective, TrainingState state) {
        share(collective, state, null);
    }

    private static void share(Collective collective, TrainingState state, @Nullable EpochSchedule published) {
        List<World.Member> members = IntStream.range(0, collective.size())
                .mapToObj(rank -> new World.Member("pod-" + rank, "uid-" + rank, ""))
                .toList();
        World world = new World(1, "job", members, "").with(published, null);
        WorldFormation.shareState(world, collective, state, new ChangeStages());
    }

    private interface Body {
        void run(Collective collective, Held state);
    }

    private static void among(List<Held> held, Body body) throws Exception {
        Ranked.run(held.size(), (collective, manager) -> {
            try (collective) { // so that the other ranks see it hang up
                body.run(collective, held.get(collective.rank()));
            }
            return true;
        });
    }

    /** A state of two arrays, each filled with one number. */
    private static final class Held implements TrainingState {
        private final NDManager manager = NDManager.newBaseManager("PyTorch");
        final List<NDArray> arrays = new ArrayList<>();
        private long step;
        EpochSchedule epochs = EpochSchedule.of(10);
        DataLedger data = DataLedger.of(100, "a");

        Held(long step, float first, float second) {
            this.step = step;
            arrays.add(manager.full(new Shape(3), first));
            arrays.add(manager.full(new Shape(3), second));
        }

        float[] values() {
            return arrays.get(0).concat(arrays.get(1)).toFloatArray();
        }

        @Override
        public long step() {
            return step;
        }

        @Override
        public Course course() {
            return new Course(epochs, data);
        }

        @Override
        public void follow(Course now) {
            epochs = now.epochs();
            data = now.data();
        }

        @Override
        public byte[] digest() {
            byte[] digest = new byte[32];
            digest[0] = (byte) arrays.get(0).getFloat(0);
            return digest;
        }

        @Override
        public void begin() {
            step = 0;
        }

        @Override
        public List<NDArray> arrays() {
            return arrays;
        }

        @Override
        public void received(long at) {
            step = at;
        }
    }
}
