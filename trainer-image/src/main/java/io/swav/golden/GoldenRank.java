package io.swav.golden;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.collective.Collective;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.file.Path;

/** One rank of {@code golden} at a world size above 1; rank 0 says every case as a line of JSON. */
public final class GoldenRank {
    private GoldenRank() {}

    /** Arguments: rank, size, folder of fixtures. */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        int size = Integer.parseInt(args[1]);
        Torch.start();
        Torch.setThreads(1);
        ObjectMapper mapper = new ObjectMapper();
        try (Collective world = RankProcess.join(rank, size)) {
            new Golden(Path.of(args[2])).together(world, result -> {
                if (rank == 0) {
                    try {
                        RankProcess.say(mapper.writeValueAsString(result));
                    } catch (JsonProcessingException e) {
                        throw new IllegalStateException("a case that JSON cannot hold: " + result, e);
                    }
                }
            });
        }
    }
}
