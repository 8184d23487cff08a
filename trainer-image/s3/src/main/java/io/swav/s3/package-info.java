/** S3 and the services that speak it: client, credentials, errors. The data and the checkpoints use it. */
@NullMarked
package io.swav.s3;

import org.jspecify.annotations.NullMarked;
