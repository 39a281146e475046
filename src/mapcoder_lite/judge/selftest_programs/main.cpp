#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

int main() {
    std::string word;
    long long a, b;
    std::cin >> word >> a >> b;
    if (word == "wrong") a++;
    if (word == "loop") for (volatile long long i = 0;; i = i + 1) {}
    if (word == "memory") {
        std::vector<std::vector<char>> blocks;
        for (int i = 0; i < 320; i++) blocks.emplace_back(1 << 20, static_cast<char>(i | 1));
        if (blocks[a][b] == 0) std::cout << "never\n";
    }
    if (word == "crash") throw std::runtime_error("as asked");
    if (word == "read") {
        std::ifstream file("/etc/passwd");
        std::string line;
        if (!std::getline(file, line)) return 4;
    }
    std::cout << a + b << std::endl;
}
