// An HTTP client for tests, over a plain socket, so that it may say what a library would not. Included by one
// file each, after cmocka.h.
#ifndef RG_TESTS_WIRE_HTTP_CLIENT_H
#define RG_TESTS_WIRE_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 20, ANSWER_MAX = 1 << 20 }; // of drawn ports; bytes

// The end of a request that is the last on its connection.
#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

// A port that was free a moment ago.
static int draw_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// All that comes until the service closes the connection; closes it too. free() it.
static char *hear(int fd)
{
    char *text = calloc(1, ANSWER_MAX);
    size_t length = 0;
    for (ssize_t got; (got = recv(fd, text + length, ANSWER_MAX - 1 - length, 0)) > 0;) length += (size_t)got;
    close(fd);
    return text;
}

static void assert_heard(int fd, const char *status, const char *body)
{
    char *text = hear(fd), first[100];
    snprintf(first, sizeof first, "HTTP/1.1 %s\r\n", status);
    const char *end = strstr(text, "\r\n\r\n");
    if (strncmp(text, first, strlen(first)) != 0 || !end || strcmp(end + 4, body) != 0)
        fail_msg("expected %s %s, got %s", status, body, text);
    free(text);
}

#endif
