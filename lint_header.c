#include <mobilenet/mobilenet.h>
