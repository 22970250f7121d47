// Probabilities of a classifier: reads one number for each line of standard input, and prints, as hexadecimal
// numbers, softmax(gelu(x), snake(x)) of each.
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <fastact.h>

namespace {

class classifier {
   public:
    std::vector<double> operator()(const std::vector<double> &x) const {
        const std::size_t n = x.size();
        std::vector<double> first(n), second(n), pairs(2 * n);
        fa_gelu_f64(x.data(), first.data(), n);
        fa_snake_f64(x.data(), second.data(), n, 0.5);
        for (std::size_t i = 0; i < n; i++) {
            pairs[2 * i] = first[i];
            pairs[2 * i + 1] = second[i];
        }
        if (fa_softmax_f64(pairs.data(), pairs.data(), n, 2, 1.0) != FA_OK) throw std::runtime_error("softmax");
        return pairs;
    }
};

}  // namespace

int main() {
    std::vector<double> x;
    for (double value; std::cin >> value;) x.push_back(value);
    for (double share : classifier()(x)) std::printf("%a\n", share);
}
