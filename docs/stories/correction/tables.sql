CREATE DATABASE IF NOT EXISTS shop;
-- Closed days are in main, made by the batch; open ones in the branch `streaming`, as they come. Reading main shows each day
-- from main, or from the branch while main has nothing of it.
CREATE TABLE shop.sales (
    dt STRING COMMENT '日期',
    order_id BIGINT COMMENT '订单',
    amount DECIMAL(10, 2) COMMENT '金额',
    PRIMARY KEY (dt, order_id) NOT ENFORCED
) COMMENT '销售' PARTITIONED BY (dt) WITH ('bucket' = '1');
-- No key: whatever were loaded twice would be there twice.
CREATE TABLE shop.payments (
    payment_id BIGINT COMMENT '支付',
    amount DECIMAL(10, 2) COMMENT '金额'
) COMMENT '支付流水' WITH ('bucket' = '-1');
