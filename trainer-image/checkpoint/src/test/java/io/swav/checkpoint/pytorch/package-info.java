@NullMarked
package io.swav.checkpoint.pytorch;

import org.jspecify.annotations.NullMarked;
