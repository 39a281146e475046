#include "@SECRET_FILE@"
int main(void) { return 0; }
