package io.swav.membership;

import io.swav.api.World;
import java.util.List;

/** Supplies the world of a trainer that runs alone, without a cluster. */
public final class SingleProcessWorldSource implements WorldSource {
    private final LatestWorld newest = new LatestWorld("");
    private final World world;

    public SingleProcessWorldSource(String pod, String uid) {
        this.world = new World(1, "", List.of(new World.Member(pod, uid, "")), "one process, no cluster");
    }

    @Override
    public World newest() {
        return world;
    }

    @Override
    public void awaitLater(long than, long millis) {
        newest.await(Long.MAX_VALUE, millis);
    }

    @Override
    public void close() {}
}
