/* The smallest program that calls the library. */
#include <fastact.h>
#include <stdio.h>

int main(void) {
    float x[4] = {-1, 2, -3, 4};
    fa_relu_f32(x, x, 4);
    printf("%g %g %g %g\n", x[0], x[1], x[2], x[3]);
    return 0;
}
