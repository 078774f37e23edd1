# nginx with deploy/nginx, whose templates are filled from the environment at each start. Build context: the repository.

ARG NGINX_IMAGE=nginx:1.30.6-alpine

FROM ${NGINX_IMAGE} AS nginx
COPY deploy/nginx/ /etc/nginx/
COPY --chmod=755 deploy/docker/nginx-folder.sh /docker-entrypoint.d/14-nginx-folder.sh
COPY --chmod=755 deploy/docker/nginx-reload.sh /usr/local/bin/reload-nginx
# The modes are the checkout's, which nginx may be unable to read.
RUN rm -rf /etc/nginx/conf.d && mkdir /etc/nginx/templates && mv /etc/nginx/*.template /etc/nginx/templates/ \
    && mv /etc/nginx/resolver.sh /docker-entrypoint.d/15-resolver.sh \
    && mv /etc/nginx/rate_limit_exempt.sh /docker-entrypoint.d/16-rate-limit-exempt.sh \
    && chmod -R a+rX /etc/nginx /docker-entrypoint.d \
    && install -d -o nginx -g nginx /var/cache/nginx
# The image's start script runs ours, then fills the templates; lower-case variables are nginx's and stay as they are. All of it
# is written below /tmp, so that nothing else need be writable.
ENV NGINX_ENVSUBST_OUTPUT_DIR=/tmp/nginx NGINX_ENVSUBST_FILTER="^(RACEDAY_|USE_LEGACY_BACKEND)"
USER nginx
EXPOSE 8080
CMD ["nginx", "-e", "/dev/stderr", "-p", "/etc/nginx/", "-c", "/tmp/nginx/nginx.conf", "-g", "daemon off;"]
