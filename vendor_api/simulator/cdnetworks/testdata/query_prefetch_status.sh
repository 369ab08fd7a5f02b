#!/bin/bash
username="username"
apiKey="apiKey"
date=`env LANG="en_US.UTF-8" date -u "+%a, %d %b %Y %H:%M:%S GMT"`
password=`echo -en "$date" | openssl dgst -sha1 -hmac $apiKey -binary | openssl enc -base64`
curl -i --url "https://api.cdnetworks.com/ccm/fetch/ItemIdQuery" \
-X "POST" \
-u "$username:$password" \
-H "Date:$date" \
-H "Content-Type: application/json" \
-d '{
    "startTime":"2017-05-01 00:00:00",
    "endTime":"2017-05-02 23:59:59",
    "itemId":"3ff59d129a2c40a39b9be8c9de9975d6",
    "url":"https://www.test.com/test/test.jpg",
    "status":"success",
    "pageNo":1,
    "pageSize":20
}'
