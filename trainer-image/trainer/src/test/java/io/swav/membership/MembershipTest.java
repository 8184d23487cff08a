package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.World;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Checks the decisions for all worlds over three pods, before and after, with and without notice. */
class MembershipTest {
    private static final String ME = "a";

    @Test
    void everyCaseHasTheExpectedDecision() {
        for (World formed : worlds(1)) {
            if (formed.generation() > 0 && formed.rankOf(ME).isEmpty()) {
                continue; // a trainer is a member of every world that it formed
            }
            for (World newest : worlds(2)) {
                for (boolean notice : new boolean[] {false, true}) {
                    check(newest, formed, notice);
                    check(held(newest), formed, notice);
                }
            }
        }
    }

    private static void check(World newest, World formed, boolean notice) {
        String when = formed + " then " + newest + ", notice " + notice;
        Membership next = Membership.next(newest, formed, notice, ME);
        if (newest.rankOf(ME).isPresent() && newest.hold()) {
            boolean leads = newest.members().get(0).uid().equals(ME);
            assertThat(next).as(when).isEqualTo(new Membership.Hold(newest, leads));
        } else if (newest.rankOf(ME).isPresent()) {
            assertThat(next)
                    .as(when)
                    .isEqualTo(new Membership.Form(newest, newest.rankOf(ME).getAsInt()));
        } else if (formed.generation() > 0) {
            boolean noMemberStays = formed.members().stream().noneMatch(newest.members()::contains);
            assertThat(next).as(when).isInstanceOf(Membership.Leave.class);
            assertThat(((Membership.Leave) next).allHoldersLeave()).as(when).isEqualTo(noMemberStays);
        } else {
            assertThat(next).as(when).isInstanceOf(notice ? Membership.Leave.class : Membership.Wait.class);
        }
    }

    @Test
    void switchesOnlyToALaterWorldThatAllHaveSeen() {
        World current = world(3, List.of("a", "b"));
        assertThat(Membership.switches(current, 3)).isFalse();
        assertThat(Membership.switches(current, 2)).isFalse();
        assertThat(Membership.switches(current, 4)).isTrue();
    }

    /** All small worlds before and after, with all kinds of lists of lost trainers. */
    @Test
    void abandonsPeersOnlyForALaterWorldAfterPatienceOrIfOneIsLost() {
        World current = world(2, List.of("a", "b", "c"));
        List<List<String>> losses = List.of(List.of(), List.of("d"), List.of("b"), List.of("d", "c"));
        for (long generation = 1; generation <= 3; generation++) {
            for (World newest : worlds(generation)) {
                for (List<String> lost : losses) {
                    World later = new World(newest.generation(), "job", newest.members(), "test", newest.hold(), lost);
                    boolean newer = newest.generation() > 2;
                    boolean memberLost = lost.contains("b") || lost.contains("c");
                    String when = later.toString();
                    assertThat(Membership.abandons(current, later, 0, 5))
                            .as(when)
                            .isEqualTo(newer && memberLost);
                    assertThat(Membership.abandons(current, later, 4, 5))
                            .as(when)
                            .isEqualTo(newer && memberLost);
                    assertThat(Membership.abandons(current, later, 5, 5))
                            .as(when)
                            .isEqualTo(newer);
                }
            }
        }
    }

    private static World held(World world) {
        return new World(world.generation(), world.job(), world.members(), world.why(), true, List.of());
    }

    /** Returns no world, the empty one, and every ordered choice of a, b, c at this generation. */
    private static List<World> worlds(long generation) {
        List<World> all = new ArrayList<>(List.of(World.none("job"), world(generation, List.of())));
        List<String> pods = List.of("a", "b", "c");
        for (String first : pods) {
            all.add(world(generation, List.of(first)));
            for (String second : without(pods, first)) {
                all.add(world(generation, List.of(first, second)));
                for (String third : without(without(pods, first), second)) {
                    all.add(world(generation, List.of(first, second, third)));
                }
            }
        }
        return all;
    }

    private static List<String> without(List<String> pods, String pod) {
        return pods.stream().filter(other -> !other.equals(pod)).toList();
    }

    private static World world(long generation, List<String> uids) {
        List<World.Member> members =
                uids.stream().map(uid -> new World.Member(uid, uid, uid + ":1")).toList();
        return new World(generation, "job", members, "test");
    }
}
