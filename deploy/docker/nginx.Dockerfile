# nginx with deploy/nginx, whose templates are filled from the environment at each start. Build context: the repository.

FROM nginx:1.28.3-alpine
COPY deploy/nginx/ /etc/nginx/
RUN rm -rf /etc/nginx/conf.d && mkdir /etc/nginx/templates && mv /etc/nginx/*.template /etc/nginx/templates/ \
    && mv /etc/nginx/rate_limit_exempt.sh /docker-entrypoint.d/15-rate-limit-exempt.sh
# The image's start script runs ours, then fills the templates; lower-case variables are nginx's and stay as they are.
ENV NGINX_ENVSUBST_OUTPUT_DIR=/etc/nginx NGINX_ENVSUBST_FILTER="^(RACEDAY_|USE_LEGACY_BACKEND)"
EXPOSE 8080
