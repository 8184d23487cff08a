package io.swav.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.PodReport;
import io.swav.api.World;
import io.swav.plan.Standing.Cause;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WorldPlannerTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");

    private static final List<Standing> STANDINGS = List.of(
            new Standing.Starting("pulling"),
            new Standing.Ready("a:1"),
            new Standing.Leaving("spot"),
            new Standing.Dead(Cause.PREEMPTED, "evicted"),
            new Standing.Dead(Cause.FAILED, "exit code 70"));

    /** All jobs of up to three pods, each in every standing, in the world or not, under every small bound. */
    @Test
    void everySmallCaseKeepsTheInvariants() {
        int cases = 0;
        for (int pods = 0; pods <= 3; pods++) {
            for (int code = 0; code < pow(STANDINGS.size() * 2, pods); code++) {
                List<PodSeen> seen = new ArrayList<>();
                List<World.Member> members = new ArrayList<>();
                int rest = code;
                for (int i = 0; i < pods; i++) {
                    seen.add(pod(i, STANDINGS.get(rest % STANDINGS.size())));
                    rest /= STANDINGS.size();
                    if (rest % 2 == 1) {
                        members.add(member(i));
                    }
                    rest /= 2;
                }
                for (int min = 1; min <= 2; min++) {
                    for (int target = min; target <= 3; target++) {
                        for (int spares = 0; spares <= 1; spares++) {
                            for (boolean hold : new boolean[] {false, true}) {
                                String which = "case " + code + " of " + pods;
                                check(bounds(target, min, spares), seen, members, hold, Book.EMPTY, which);
                                cases++;
                            }
                        }
                    }
                }
            }
        }
        assertThat(cases).isEqualTo((1 + 10 + 100 + 1000) * 10 * 2);
    }

    @Test
    void randomLargeCasesKeepTheInvariants() {
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            List<PodSeen> seen = new ArrayList<>();
            List<World.Member> members = new ArrayList<>();
            for (int i = 0; i < random.nextInt(20); i++) {
                if (random.nextInt(8) > 0) {
                    seen.add(pod(i, STANDINGS.get(random.nextInt(STANDINGS.size())), signs(random)));
                }
                if (random.nextBoolean()) {
                    members.add(random.nextInt(members.size() + 1), member(i));
                }
            }
            int min = 1 + random.nextInt(6);
            Bounds bounds = bounds(min + random.nextInt(10), min, random.nextInt(3));
            Book book = Book.EMPTY.published(T0.minusSeconds(random.nextInt(200)));
            check(bounds, seen, members, random.nextInt(4) == 0, book, "seed " + seed);
        }
    }

    private static Signs signs(Random random) {
        return new Signs(
                random.nextInt(5) == 0 ? null : Duration.ofSeconds(random.nextInt(150)),
                random.nextBoolean(),
                random.nextInt(3) == 0 ? Optional.empty() : Optional.of(Duration.ofSeconds(random.nextInt(150))),
                random.nextInt(3) == 0 ? Optional.of("uid-" + random.nextInt(20)) : Optional.empty(),
                12,
                Optional.of(new PodReport.Regroup(random.nextInt(5), 1.5, 0, random.nextInt(3), 1)));
    }

    private static void check(
            Bounds bounds, List<PodSeen> pods, List<World.Member> members, boolean hold, Book book, String which) {
        World world = new World(
                members.isEmpty() && book.since() == null ? 0 : 4, "job-uid", members, "before", hold, List.of());
        Observed seen = new Observed("job", world, book, pods, 12);
        Plan plan = WorldPlanner.plan(bounds, seen, T0);
        String where = which + ": " + bounds + " " + seen + " -> " + plan;

        if (plan.world() instanceof WorldPlan.Regroup regroup) {
            World next = regroup.next();
            assertThat(next.generation()).as("generation + 1: " + where).isEqualTo(world.generation() + 1);
            assertThat(next.size())
                    .as("in bounds, or on hold: " + where)
                    .isBetween(next.hold() ? 0 : bounds.min(), next.hold() ? bounds.min() - 1 : bounds.target());
            assertThat(next.hold() && !members.containsAll(next.members()))
                    .as("nobody joins a world on hold: " + where)
                    .isFalse();
            assertThat(next.lost())
                    .as("no member is called lost: " + where)
                    .noneMatch(uid -> next.rankOf(uid).isPresent());
            assertThat(new HashSet<>(next.members()))
                    .as("nobody twice: " + where)
                    .hasSize(next.size());
            for (World.Member member : next.members()) {
                Standing standing = standing(pods, member);
                boolean survivor = members.contains(member);
                assertThat(survivor ? standing.isAlive() : standing instanceof Standing.Ready)
                        .as("survivors live, newcomers are ready: " + where)
                        .isTrue();
            }
            List<World.Member> survivors =
                    members.stream().filter(next.members()::contains).toList();
            assertThat(next.members().subList(0, survivors.size()))
                    .as("ranks are stable: " + where)
                    .isEqualTo(survivors);
            assertThat(regroup.why()).as("a reason: " + where).isNotBlank();
        }
        assertThat(plan.world().why()).as("a reason: " + where).isNotBlank();
        assertThat(after(plan, world).members())
                .as("whoever is to be killed, or does not answer, is out: " + where)
                .noneMatch(member -> plan.book().isOut(member.uid()));
        assertThat(plan.kill())
                .as("only hung pods are killed: " + where)
                .extracting(PodSeen::uid)
                .containsExactlyInAnyOrderElementsOf(plan.book().hung());
        long failed = pods.stream()
                .filter(pod -> pod.standing() instanceof Standing.Dead dead && dead.cause() == Cause.FAILED)
                .count();
        assertThat(plan.book().account().counts().failures())
                .as("only failures are failures: " + where)
                .isEqualTo(failed);
        Set<World.Member> kept = new HashSet<>(after(plan, world).members());
        assertThat(plan.delete())
                .as("no member is deleted: " + where)
                .noneMatch(pod -> kept.stream().anyMatch(member -> member.uid().equals(pod.uid())));
        long alive = pods.stream()
                .filter(pod -> pod.isAlive() && !plan.book().isOut(pod.uid()))
                .count();
        long removed = plan.delete().stream().filter(PodSeen::isAlive).count();
        assertThat(alive - removed + plan.create().size())
                .as("never more pods than wanted: " + where)
                .isLessThanOrEqualTo(bounds.target() + bounds.spares());
        assertThat(plan.create().isEmpty() || removed == 0)
                .as("not created and deleted at once: " + where)
                .isTrue();

        List<PodSeen> later = new ArrayList<>(pods);
        later.removeAll(plan.delete());
        later.removeAll(plan.kill());
        plan.create().forEach(name -> later.add(new PodSeen(name, name, T0, new Standing.Starting("new"), Signs.NONE)));
        Plan again = WorldPlanner.plan(bounds, new Observed("job", after(plan, world), plan.book(), later, 12), T0);
        assertThat(again.world())
                .as("planning again keeps the world: " + where)
                .isNotInstanceOf(WorldPlan.Regroup.class);
        assertThat(again.create())
                .as("planning again creates nothing: " + where)
                .isEmpty();
        assertThat(again.delete())
                .as("planning again deletes nothing: " + where)
                .isEmpty();
        assertThat(again.news()).as("nothing is counted twice: " + where).isEmpty();
    }

    @Test
    void growingWaitsWhileMorePodsAreExpected() {
        World world = new World(1, "u", List.of(member(0)), "first");
        Book book = Book.EMPTY.published(T0);
        List<PodSeen> pods = List.of(
                pod(0, STANDINGS.get(1)), pod(1, STANDINGS.get(1)), pod(2, new Standing.Starting("no capacity")));
        Bounds bounds = bounds(3, 1, 0);

        Plan early = plan(bounds, world, book, pods, T0.plusSeconds(10));
        assertThat(early.world()).isInstanceOf(WorldPlan.Keep.class);
        assertThat(early.again()).contains(T0.plusSeconds(30));

        Plan late = plan(bounds, world, book, pods, T0.plusSeconds(30));
        assertThat(names(late)).containsExactly("job-0", "job-1");

        List<PodSeen> all = List.of(pod(0, STANDINGS.get(1)), pod(1, STANDINGS.get(1)), pod(2, STANDINGS.get(1)));
        assertThat(names(plan(bounds, world, book, all, T0.plusSeconds(1))))
                .as("nothing more to wait for")
                .containsExactly("job-0", "job-1", "job-2");
    }

    /** bounds: hung after 60 s. */
    @Test
    void nobodyJoinsWhileItIsNotKnownWhetherAMemberHangs() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        Book book = Book.EMPTY.published(T0.minusSeconds(500));
        PodSeen newcomer = pod(2, STANDINGS.get(1));
        for (int seconds : new int[] {20, 40, 70}) {
            Signs waits = signs(1, true, seconds);
            Signs silent = signs(seconds, false, seconds);
            List<PodSeen> pods = List.of(pod(0, STANDINGS.get(1), waits), pod(1, STANDINGS.get(1), silent), newcomer);
            Plan plan = plan(bounds(3, 1, 0), world, book, pods, T0);
            if (seconds == 40) {
                assertThat(plan.world()).isInstanceOf(WorldPlan.Keep.class);
                assertThat(plan.world().why()).contains("job-2 ready to join, when it is known whether job-1");
            } else {
                assertThat(names(plan)).contains("job-2");
                assertThat(names(plan).contains("job-1")).isEqualTo(seconds == 20);
            }
        }
    }

    private static Signs signs(int silence, boolean awaiting, int stalled) {
        return new Signs(
                Duration.ofSeconds(silence),
                awaiting,
                Optional.of(Duration.ofSeconds(stalled)),
                Optional.empty(),
                12,
                Optional.empty());
    }

    @Test
    void aSpareTakesTheLostMembersPlaceAtOnce() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<PodSeen> pods =
                List.of(pod(0, new Standing.Leaving("spot")), pod(1, STANDINGS.get(1)), pod(2, STANDINGS.get(1)));
        Plan plan = plan(bounds(2, 2, 1), world, Book.EMPTY, pods, T0);

        assertThat(names(plan)).containsExactly("job-1", "job-2");
        assertThat(plan.world().why()).isEqualTo("job-0 left (spot); job-2 joined");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.book().account().counts().preemptions()).isEqualTo(1);
    }

    @Test
    void whereAllMembersLeaveASpareBeginsWhenTheyHaveSavedTheState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        PodSeen spare = pod(1, STANDINGS.get(1));
        List<PodSeen> pods = List.of(leaving(0, 1), spare);
        Plan leaves = plan(bounds(1, 1, 1), world, Book.EMPTY, pods, T0);
        World empty = after(leaves, world);
        assertThat(leaves.world()).isInstanceOf(WorldPlan.Regroup.class);
        assertThat(empty.members()).as("it leaves now, the last").isEmpty();
        assertThat(empty.lost()).isEmpty();
        assertThat(leaves.world().why())
                .isEqualTo("job-0 left (spot); the world forms when job-0 has saved the state and gone");
        assertThat(leaves.create()).hasSize(1);

        Plan saves = plan(bounds(1, 1, 1), empty, leaves.book(), pods, T0.plusSeconds(9));
        assertThat(saves.world())
                .isInstanceOfSatisfying(
                        WorldPlan.Wait.class, wait -> assertThat(wait.missing()).isEqualTo(1));
        assertThat(saves.again())
                .as("it may fall silent")
                .contains(T0.plusSeconds(9 + 3).plusMillis(1));

        assertThat(names(plan(bounds(1, 1, 1), empty, saves.book(), List.of(spare), T0.plusSeconds(10))))
                .as("gone")
                .containsExactly("job-1");
        assertThat(names(plan(bounds(1, 1, 1), empty, saves.book(), List.of(leaving(0, 5), spare), T0.plusSeconds(10))))
                .as("silent, as on a lost node")
                .containsExactly("job-1");
        assertThat(names(plan(bounds(1, 1, 1), empty, saves.book(), pods, T0.plus(WorldPlanner.LONGEST_SAVE))))
                .as("it never ends")
                .containsExactly("job-1");
    }

    @Test
    void aMemberThatHasNotFormedAWorldYetKeepsNoState() {
        World world = new World(4, "u", List.of(member(0), member(1)), "job-1 joined");
        Plan plan = plan(bounds(2, 1, 1), world, Book.EMPTY, List.of(leaving(0, 1), pod(1, STANDINGS.get(1))), T0);
        assertThat(plan.world())
                .isInstanceOfSatisfying(
                        WorldPlan.Regroup.class,
                        regroup -> assertThat(regroup.next().members()).isEmpty());
        assertThat(plan.delete()).isEmpty();
        assertThat(names(plan(
                        bounds(2, 1, 1),
                        after(plan, world),
                        plan.book(),
                        List.of(pod(1, STANDINGS.get(1))),
                        T0.plusSeconds(1))))
                .containsExactly("job-1");
    }

    @Test
    void nobodyWaitsForALeavingPodThatHoldsNoState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        PodSeen newcomer = pod(2, STANDINGS.get(1));
        assertThat(names(plan(
                        bounds(2, 1, 1),
                        world,
                        Book.EMPTY,
                        List.of(pod(0, new Standing.Leaving("spot")), newcomer),
                        T0)))
                .as("it was never in a world")
                .containsExactly("job-2");
        World two = new World(3, "u", List.of(member(0), member(1)), "w");
        PodSeen trained = pod(1, STANDINGS.get(1), leaving(1, 1).signs());
        assertThat(names(plan(bounds(2, 1, 1), two, Book.EMPTY, List.of(leaving(0, 1), trained, newcomer), T0)))
                .as("another member keeps it")
                .containsExactly("job-1", "job-2");
        World lost = new World(3, "u", List.of(), "its document was lost");
        assertThat(names(plan(bounds(2, 1, 1), lost, Book.EMPTY, List.of(leaving(0, 1), trained), T0)))
                .as("another trainer keeps it")
                .containsExactly("job-1");
    }

    private static PodSeen leaving(int number, int silence) {
        return pod(
                number,
                new Standing.Leaving("spot"),
                new Signs(
                        Duration.ofSeconds(silence),
                        false,
                        Optional.empty(),
                        Optional.empty(),
                        12,
                        Optional.of(new PodReport.Regroup(3, null, 0, 12, 6))));
    }

    @Test
    void belowTheMinimumTheWorldIsHeldUntilAPodIsReady() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<PodSeen> pods = List.of(pod(0, STANDINGS.get(1)), pod(2, new Standing.Starting("no capacity: 0/3 nodes")));
        Plan holds = plan(bounds(2, 2, 0), world, Book.EMPTY, pods, T0);
        World hold = after(holds, world);
        assertThat(hold.hold()).isTrue();
        assertThat(hold.members()).containsExactly(member(0));
        assertThat(hold.lost()).as("nobody need wait for it").containsExactly("uid-1");
        assertThat(holds.world().why())
                .isEqualTo("job-1 left (vanished); holding, the survivors keep their state: 1 ready, 2 needed;"
                        + " job-2: no capacity: 0/3 nodes");

        Plan held = plan(bounds(2, 2, 0), hold, holds.book(), pods, T0.plusSeconds(100));
        assertThat(held.world())
                .isInstanceOfSatisfying(
                        WorldPlan.Wait.class, wait -> assertThat(wait.missing()).isEqualTo(1));
        Plan resumed = plan(
                bounds(2, 2, 0), hold, held.book(), List.of(pod(0, STANDINGS.get(1)), pod(2, STANDINGS.get(1))), T0);
        assertThat(names(resumed)).containsExactly("job-0", "job-2");
        assertThat(after(resumed, hold).hold()).isFalse();
        assertThat(after(resumed, hold).lost())
                .as("who was at work before the hold still learns of it")
                .contains("uid-1");
    }

    @Test
    void failuresOfPodsThatNeverJoinedAreDelayedMoreEachTime() {
        Book book = Book.EMPTY;
        long[] expected = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
        for (int i = 0; i < expected.length; i++) {
            Plan plan = plan(bounds(1, 1, 0), World.none("u"), book, List.of(pod(i, STANDINGS.get(4))), T0);
            assertThat(plan.create()).isEmpty();
            assertThat(plan.again()).contains(T0.plusSeconds(expected[i]));
            book = plan.book();
        }
        Plan later = plan(bounds(1, 1, 0), World.none("u"), book, List.of(), T0.plusSeconds(300));
        assertThat(later.create()).hasSize(1);
    }

    @Test
    void whileARefusalStandsEverythingButCreatingGoesOn() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<PodSeen> pods = List.of(pod(0, STANDINGS.get(1)), pod(1, STANDINGS.get(4)));
        Observed seen = new Observed("job", world, Book.EMPTY, pods, 0, T0.plusSeconds(30));
        Plan refused = WorldPlanner.plan(bounds(2, 1, 0), seen, T0);
        assertThat(names(refused)).containsExactly("job-0");
        assertThat(refused.create()).isEmpty();
        assertThat(refused.book().nextPod()).as("no number is used up").isZero();
        assertThat(refused.again()).contains(T0.plusSeconds(30));
        assertThat(WorldPlanner.plan(bounds(2, 1, 0), seen, T0.plusSeconds(30)).create())
                .hasSize(1);
    }

    @Test
    void aMemberThatFailsIsReplacedAtOnceAndCountsUntilTheLimit() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<PodSeen> pods = List.of(pod(0, STANDINGS.get(4)), pod(1, STANDINGS.get(1)));
        Plan plan = plan(bounds(2, 1, 0), world, Book.EMPTY, pods, T0);
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.book().account().counts().failures()).isEqualTo(1);

        Bounds none = new Bounds(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 0, false, Optional.empty());
        Plan end = plan(none, world, Book.EMPTY, pods, T0);
        assertThat(end.world()).isInstanceOfSatisfying(WorldPlan.Ended.class, ended -> {
            assertThat(ended.end().reason()).isEqualTo("TooManyFailures");
            assertThat(ended.why()).contains("job-0: exit code 70");
        });
        assertThat(end.delete()).extracting(PodSeen::name).containsExactly("job-1");
    }

    @Test
    void aPermanentFailureEndsTheJob() {
        PodSeen pod = pod(0, new Standing.Dead(Cause.PERMANENT, "exit code 78: spec.crops"));
        Plan plan = plan(bounds(2, 1, 0), World.none("u"), Book.EMPTY, List.of(pod, pod(1, STANDINGS.get(0))), T0);
        assertThat(plan.world().why()).isEqualTo("Pod job-0 failed for good: exit code 78: spec.crops");
        assertThat(plan.create()).isEmpty();
    }

    @Test
    void onceTheJobHasMadeAStepAPermanentFailureIsOneOfManyAllowed() {
        World world = new World(3, "u", List.of(member(0)), "w");
        PodSeen broken = pod(1, new Standing.Dead(Cause.NO_DATA, "exit code 66: /data does not exist"));
        PodSeen trains = pod(
                0,
                STANDINGS.get(1),
                new Signs(
                        Duration.ofSeconds(1),
                        false,
                        Optional.empty(),
                        Optional.empty(),
                        12,
                        Optional.of(new PodReport.Regroup(3, null, 0, 1, 0.5))));
        Plan first = plan(bounds(2, 1, 0), world, Book.EMPTY, List.of(trains, broken), T0);
        assertThat(first.book().end()).isNull();
        assertThat(first.delete()).isEmpty();
        assertThat(first.book().account().counts().failures()).isEqualTo(1);

        PodSeen silent = pod(0, STANDINGS.get(1));
        Book trained = first.book().keeping(Set.of("uid-0"), Set.of()).withRetry(0, null);
        Plan later = plan(bounds(2, 1, 0), world, trained, List.of(silent, broken), T0);
        assertThat(later.book().end()).as("the book remembers the step").isNull();
        assertThat(later.create()).isEmpty();
        assertThat(later.again()).as("another is tried after a delay").contains(T0.plusSeconds(1));

        Bounds one = new Bounds(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, false, Optional.empty());
        assertThat(plan(one, world, trained, List.of(silent, broken), T0)
                        .world()
                        .why())
                .isEqualTo("2 failures, recovery.maxFailures allows 1; the last: job-1: exit code 66: /data does not"
                        + " exist");
    }

    @Test
    void theJobIsCompleteWhenAllMembersHaveEndedOrTheWaitIsOver() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<PodSeen> pods = List.of(pod(0, new Standing.Done()), pod(1, STANDINGS.get(1)));
        Plan finishing = plan(bounds(2, 1, 0), world, Book.EMPTY, pods, T0);
        assertThat(finishing.world()).isInstanceOf(WorldPlan.Keep.class);
        assertThat(finishing.create()).isEmpty();

        Plan over = plan(bounds(2, 1, 0), world, finishing.book(), pods, T0.plus(Bookkeeper.FINISH));
        assertThat(over.book().end()).isNotNull().matches(Book.End::complete);
        assertThat(over.delete()).extracting(PodSeen::name).containsExactly("job-1");

        Plan all = plan(
                bounds(2, 1, 0),
                world,
                finishing.book(),
                List.of(pod(0, new Standing.Done()), pod(1, new Standing.Done())),
                T0);
        assertThat(all.book().end()).isNotNull().matches(Book.End::complete);
    }

    @Test
    void podsThatRunOnWithoutTheirTrainerAreDeleted() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        PodSeen dead = lingering(0, STANDINGS.get(4));
        Plan plan = plan(bounds(2, 1, 0), world, Book.EMPTY, List.of(dead, pod(1, STANDINGS.get(1))), T0);
        assertThat(names(plan)).containsExactly("job-1");
        assertThat(plan.delete()).containsExactly(dead);
        assertThat(plan.deleteWhy()).isEqualTo("the trainer has ended, the pod has not");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.book().account().counts().failures()).isEqualTo(1);

        List<PodSeen> done = List.of(lingering(0, new Standing.Done()), pod(1, STANDINGS.get(1)));
        Plan finishing = plan(bounds(2, 1, 0), world, Book.EMPTY, done, T0);
        assertThat(finishing.delete()).as("it is a member until the end").isEmpty();
        List<PodSeen> all = List.of(lingering(0, new Standing.Done()), lingering(1, new Standing.Done()));
        Plan end = plan(bounds(2, 1, 0), world, finishing.book(), all, T0);
        assertThat(end.book().end()).isNotNull().matches(Book.End::complete);
        assertThat(end.delete()).isEqualTo(all);
    }

    private static PodSeen lingering(int number, Standing standing) {
        PodSeen pod = pod(number, standing);
        return new PodSeen(pod.name(), pod.uid(), pod.created(), standing, Signs.NONE, true);
    }

    @Test
    void aTrainerThatHasFailedIsLookedAtWhenItOughtToHaveEnded() {
        World world = new World(3, "u", List.of(member(0)), "w");
        PodSeen failing = pod(0, new Standing.Failing("failed: boom", Duration.ofSeconds(7)));
        Plan plan = plan(bounds(1, 1, 0), world, Book.EMPTY, List.of(failing), T0);
        assertThat(plan.world()).as("its exit code will say how").isInstanceOf(WorldPlan.Keep.class);
        assertThat(plan.news()).isEmpty();
        assertThat(plan.again()).contains(T0.plusSeconds(7));
    }

    @Test
    void ttlDeletesEndedPods() {
        Book book = Book.EMPTY.ended(new Book.End(true, "Complete", "Training is complete", T0));
        Bounds bounds = new Bounds(
                1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, false, Optional.of(Duration.ofSeconds(60)));
        List<PodSeen> pods = List.of(pod(0, new Standing.Done()));

        Plan early = plan(bounds, World.none("u"), book, pods, T0.plusSeconds(59));
        assertThat(early.delete()).isEmpty();
        assertThat(early.again()).contains(T0.plusSeconds(60));
        assertThat(plan(bounds, World.none("u"), book, pods, T0.plusSeconds(60)).delete())
                .isEqualTo(pods);
    }

    @Test
    void suspendingTakesAllPodsAwayAndCountsNoneOfThem() {
        World world = new World(3, "u", List.of(member(0)), "w");
        Bounds bounds = new Bounds(1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, true, Optional.empty());
        Plan plan = plan(bounds, world, Book.EMPTY, List.of(pod(0, STANDINGS.get(1))), T0);
        assertThat(after(plan, world).members()).isEmpty();
        assertThat(plan.delete()).hasSize(1);

        Plan leaving =
                plan(bounds, after(plan, world), plan.book(), List.of(pod(0, new Standing.Leaving("deleted"))), T0);
        assertThat(leaving.news()).isEmpty();
    }

    @Test
    void theBookForgetsPodsThatAreGone() {
        Book book = Book.EMPTY.accounting("uid-7").accounting("uid-0");
        Plan plan = plan(bounds(1, 1, 0), World.none("u"), book, List.of(pod(0, STANDINGS.get(3))), T0);
        assertThat(plan.book().accounted()).containsExactly("uid-0");
    }

    private static Plan plan(Bounds bounds, World world, Book book, List<PodSeen> pods, Instant now) {
        return WorldPlanner.plan(bounds, new Observed("job", world, book, pods, 0), now);
    }

    private static World after(Plan plan, World before) {
        return plan.world() instanceof WorldPlan.Regroup regroup ? regroup.next() : before;
    }

    private static List<String> names(Plan plan) {
        return after(plan, World.none("u")).members().stream()
                .map(World.Member::pod)
                .toList();
    }

    private static Standing standing(List<PodSeen> pods, World.Member member) {
        return pods.stream()
                .filter(pod -> pod.uid().equals(member.uid()))
                .findFirst()
                .map(PodSeen::standing)
                .orElse(new Standing.Dead(Cause.PREEMPTED, "absent"));
    }

    private static Bounds bounds(int target, int min, int spares) {
        return new Bounds(
                target, min, spares, Duration.ofSeconds(30), Duration.ofSeconds(60), 1000, false, Optional.empty());
    }

    private static PodSeen pod(int number, Standing standing) {
        return pod(number, standing, Signs.NONE);
    }

    private static PodSeen pod(int number, Standing standing, Signs signs) {
        return new PodSeen("job-" + number, "uid-" + number, T0.minusSeconds(100 - number), standing, signs);
    }

    private static World.Member member(int number) {
        return new World.Member("job-" + number, "uid-" + number, "a:1");
    }

    private static int pow(int base, int exponent) {
        int power = 1;
        for (int i = 0; i < exponent; i++) {
            power *= base;
        }
        return power;
    }
}
