package io.swav.checkpoint;

import io.swav.s3.S3Errors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.NoSuchFileException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/** An object that is read from its beginning; a broken connection is reopened at the same position. */
final class S3Source implements Store.Source {
    private static final Logger LOG = LoggerFactory.getLogger(S3Source.class);
    private static final int CUTS = 8;

    private final S3Client client;
    private final String bucket;
    private final String key;
    private final String tag;
    private final long size;
    private ReadableByteChannel channel;
    private long position;
    private int cuts;

    private S3Source(S3Client client, String bucket, String key, ResponseInputStream<GetObjectResponse> stream) {
        this.client = client;
        this.bucket = bucket;
        this.key = key;
        this.tag = stream.response().eTag();
        this.size = stream.response().contentLength();
        this.channel = Channels.newChannel(stream);
    }

    static S3Source open(S3Client client, String bucket, String key) throws IOException {
        try {
            for (int cut = 0; cut <= CUTS; cut++) {
                ResponseInputStream<GetObjectResponse> stream =
                        client.getObject(request -> request.bucket(bucket).key(key));
                if (stream.response().contentLength() != null
                        && stream.response().eTag() != null) {
                    return new S3Source(client, bucket, key, stream);
                }
                stream.abort(); // the response's head was cut off
            }
            throw new IOException("bucket " + bucket + " repeatedly answers without a length");
        } catch (NoSuchKeyException e) {
            throw new NoSuchFileException(key);
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        if (position == size) {
            return -1;
        }
        while (true) {
            try {
                int read = channel.read(into);
                if (read >= 0) {
                    position += read;
                    return read;
                }
                reopen(new IOException("it ended at byte " + position + " of " + size));
            } catch (IOException | SdkException e) {
                reopen(e);
            }
        }
    }

    private void reopen(Exception cut) throws IOException {
        if (++cuts > CUTS) {
            throw new IOException("the connection to bucket " + bucket + " breaks repeatedly: " + cut, cut);
        }
        LOG.debug("{} at byte {}: {}", key, position, cut.toString());
        try {
            channel = Channels.newChannel(client.getObject(
                    request -> request.bucket(bucket).key(key).ifMatch(tag).range("bytes=" + position + "-")));
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    @Override
    public boolean isOpen() {
        return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
