Feature: What is covered until when, and the package that claims it

  @core
  Scenario: Creating a warranty computes its expiry, clamped to the month's end
    Given a signed-in captain with a boat
    Then a warranty covers until and including the day that its months give:
      | bought     | months | until      |
      | 2024-01-31 | 1      | 2024-02-29 |
      | 2023-01-31 | 1      | 2023-02-28 |
      | 2024-02-29 | 12     | 2025-02-28 |
      | 2024-02-29 | 48     | 2028-02-29 |
      | 2023-01-15 | 24     | 2025-01-15 |
      | 2024-10-31 | 1      | 2024-11-30 |
      | 2024-12-31 | 2      | 2025-02-28 |
      | 2024-11-30 | 360    | 2054-11-30 |
    And these are refused, and the answer names what is wrong:
      | bought     | months | names                       |
      | 2024-02-30 | 12     | body.purchase_date          |
      | 31/01/2024 | 12     | body.purchase_date          |
      | 2024-01-31 | 0      | body.warranty_period_months |
      | 2024-01-31 | 361    | body.warranty_period_months |

  @core
  Scenario: A warranty is read with authorization, and a stranger gets 404
    Given a signed-in captain with a boat
    And a warranty of 24 months, bought on 2025-06-10, worth 4812.34 EUR
    When the captain asks for the warranty
    Then the answer is 200
    And it shows the amount
    When a member of the organization asks for the warranty
    Then the answer is 200
    And it shows the amount
    When a viewer of the organization asks for the warranty
    Then the answer is 200
    And the amount is nowhere in it, nor in the lists that a viewer has
    When a viewer of the organization changes its months to 36
    Then the answer is 403
    When a stranger asks for the warranty
    Then the answer is 404
    And nothing of it is in the lists that a stranger has
    When nobody in particular asks for the warranty
    Then the answer is 401

  @core
  Scenario: Changing the months recomputes the expiry and arms the reminders anew
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a warranty of 12 months, bought on 2025-05-20
    Then it covers until and including 2026-05-20
    And its reminders are:
      | days before | on         | state  |
      | 90          | 2026-02-19 | passed |
      | 30          | 2026-04-20 | passed |
      | 14          | 2026-05-06 | due    |
      | 0           | 2026-05-21 | due    |
    When the captain changes its months to 24
    Then the answer is 200
    And it covers until and including 2027-05-20
    And its reminders are:
      | days before | on         | state |
      | 90          | 2027-02-19 | due   |
      | 30          | 2027-04-20 | due   |
      | 14          | 2027-05-06 | due   |
      | 0           | 2027-05-21 | due   |
    When the captain writes it anew with 13 months
    Then the answer is 200
    And it covers until and including 2026-06-20
    And its reminders are:
      | days before | on         | state  |
      | 90          | 2026-03-22 | passed |
      | 30          | 2026-05-21 | due    |
      | 14          | 2026-06-06 | due    |
      | 0           | 2026-06-21 | due    |
    When the captain changes its months to 36, as read before the last change
    Then the answer is 412
    When the captain writes it anew with 36 months, as read before the last change
    Then the answer is 412
    And it covers until and including 2026-06-20

  @core
  Scenario: Deleting a warranty keeps its trail and stops its reminders
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a warranty of 12 months, bought on 2025-05-20
    When a member of the organization deletes the warranty
    Then the answer is 403
    When the captain deletes the warranty
    Then the answer is 200
    And it is deleted, and no reminder is left
    When the captain asks for the warranty
    Then the answer is 404
    And it is listed only among the deleted
    And the audit trail and the boat's timeline say: warranty.created, warranty.deleted
    When the captain restores the warranty
    Then the answer is 200
    And it is listed only among the active
    And its reminders are:
      | days before | on         | state  |
      | 90          | 2026-02-19 | passed |
      | 30          | 2026-04-20 | passed |
      | 14          | 2026-05-06 | due    |
      | 0           | 2026-05-21 | due    |

  @core
  Scenario: The expiring list filters by days and boat, soonest first, without expired ones
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And another boat, "Second"
    And these warranties of 12 months:
      | item      | boat    | bought     | but     |
      | Windlass  | Calypso | 2025-07-30 |         |
      | Sails     | Second  | 2025-04-30 |         |
      | Batteries | Second  | 2025-05-31 |         |
      | Plotter   | Calypso | 2025-05-01 |         |
      | Radar     | Calypso | 2025-07-31 |         |
      | Stove     | Calypso | 2025-05-15 |         |
      | Heater    | Calypso | 2025-05-10 | void    |
      | Tender    | Second  | 2025-05-11 | claimed |
      | Fridge    | Calypso | 2025-05-12 | deleted |
    Then these are expiring:
      | query                        | items                                            |
      |                              | Plotter, Stove, Batteries                        |
      | days=1                       | Plotter                                          |
      | days=13                      | Plotter                                          |
      | days=14                      | Plotter, Stove                                   |
      | days=29                      | Plotter, Stove                                   |
      | days=30                      | Plotter, Stove, Batteries                        |
      | days=90                      | Plotter, Stove, Batteries, Windlass              |
      | days=365                     | Plotter, Stove, Batteries, Windlass, Radar       |
      | days=90&boat_id=Calypso      | Plotter, Stove, Windlass                         |
      | days=90&boat_id=Second       | Batteries                                        |
      | days=14&include_expired=true | Sails, Plotter, Stove                            |
    And they say how many days are left:
      | item      | days | level    |
      | Plotter   | 0    | critical |
      | Stove     | 14   | warning  |
      | Batteries | 30   | warning  |
      | Windlass  | 90   | info     |
      | Radar     | 91   |          |
    And "days=0" and "days=366" and "days=soon" are refused

  @core
  Scenario: The claim package holds form, index, papers and manifest, and names what is missing
    Given a signed-in captain with a boat
    And a warranty of 24 months, bought on 2024-02-12
    And these papers of it, of which all but the pictures are read:
      | file                    | purpose           | type    | title                               |
      | invoice-watermaker.pdf  | proof_of_purchase | INV-PUR | Invoice 24-0217, watermaker         |
      | insurance-policy.pdf    | proof_of_owner    | OWN-ID  | Passport of the owner               |
      | engine-plate.jpg        | plate             | PHO     | Πινακίδα του κινητήρα               |
      | epirb-registration.pdf  | registration      | WAR-REG | 保証書 "Calypso"?                   |
      | gaspruefung.pdf         | terms             | WAR-DOC | Свидетельство: Calypso/Gewährleistung |
      | wiring-note.md          | installation      | DRW-EL  | CON                                 |
      | pre-purchase-survey.pdf | report            | SUR-PRE | Survey of the damage                |
      | bill-of-sale.pdf        | service_record    | INV-SRV | Service log, book 1                 |
    And a claim that says when and how it failed
    And a member's photo of the failure, which nobody has sorted yet
    But the paper "Survey of the damage" lies in the bin
    And the file of "Service log, book 1" is gone from storage
    When the captain asks for the claim package
    Then the answer is 200
    And it is a ZIP that opens, with these files:
      | 00_Index.pdf                                                   |
      | 01_Claim_Form_UK.pdf                                           |
      | 02_Owner_and_Boat/01 Passport of the owner.pdf                 |
      | 03_Item/00 Item and serial numbers.pdf                         |
      | 03_Item/01 Πινακίδα του κινητήρα.jpg                           |
      | 04_Proof_of_Purchase/01 Invoice 24-0217, watermaker.pdf        |
      | 05_Registration/01 保証書 _Calypso__.pdf                       |
      | 06_Installation/01 CON.txt                                     |
      | 07_Warranty_Terms/01 Свидетельство_ Calypso_Gewährleistung.pdf |
      | 09_Maintenance/00 Maintenance proof.pdf                        |
      | 11_Photos/01 the pump.png                                      |
      | README.txt                                                     |
      | manifest.json                                                  |
    And the papers in it are the bytes that were uploaded
    And the manifest lists every file but itself, with its size and SHA-256
    And every PDF in it is a good one
    And the form has what is known, and says that it is a template
    And the index names every other file, with its pages and SHA-256
    And index and manifest say what is missing and why:
      | what                                   | why                                                     |
      | "Survey of the damage" (report)        | it is in the bin: restore it, or unlink it              |
      | "Service log, book 1" (service_record) | its file is gone from storage: restore it from a backup |
      | serial number                          | neither the warranty nor its equipment has one          |
      | diagnosis                              | no dealer's or surveyor's diagnosis is linked           |
    And the maintenance proof does not say that the service log is there
    And they do not say that proof of purchase is missing
    And the audit trail says who took which papers
    When a viewer of the organization asks for the claim package
    Then the answer is 403
    When a stranger asks for the claim package
    Then the answer is 404
    When a member of the organization asks for the claim package
    Then the answer is 200
    And it withholds these, of which it tells the purpose alone:
      | title                 | purpose        |
      | Passport of the owner | proof_of_owner |
      | the pump              | photo          |
    And they do not say that proof of owner is missing

  @core
  Scenario: A reminder at 30 days arrives once per person, also after two days of downtime
    Given a captain whose server sends mail, in the morning of 2025-05-01
    And a member of the organization who also wants mails about warranties
    And a warranty of the "Watermaker" that ends on 2025-06-01
    And a warranty of the "Windlass" that ends on 2025-06-11
    When the hour's look for reminders is over
    Then the captain and the member have 0 mails each about "Watermaker"
    When it is the morning of 2025-05-02
    And the hour's look for reminders is over, three times
    Then the captain and the member have 1 mail each about "Watermaker"
    And it says that 30 days are left
    And in the application each is told once of "Watermaker"
    When the server is down from the night before 2025-05-12 to the morning of 2025-05-14
    And the hour's look for reminders is over, three times
    Then the captain and the member have 1 mail each about "Windlass"
    And it says that 28 days are left
    And in the application each is told once of "Windlass"
    And the captain and the member have 1 mail each about "Watermaker"

  Scenario: On the last day of cover it is still active, by the organization's time zone
    Given a signed-in captain with a boat, in the morning of 2026-03-28
    And a warranty of 12 months, bought on 2025-03-28
    Then it is so, by where the organization is and what time it is:
      | organization in  | UTC                  | days left | status  | level    | expiring |
      | Europe/Madrid    | 2026-03-28T22:30:00Z | 0         | active  | critical | yes      |
      | UTC              | 2026-03-28T22:30:00Z | 0         | active  | critical | yes      |
      | Europe/Madrid    | 2026-03-28T22:59:59Z | 0         | active  | critical | yes      |
      | Europe/Madrid    | 2026-03-28T23:00:00Z | -1        | expired |          | no       |
      | Europe/Madrid    | 2026-03-28T23:30:00Z | -1        | expired |          | no       |
      | UTC              | 2026-03-28T23:30:00Z | 0         | active  | critical | yes      |
      | America/New_York | 2026-03-29T03:30:00Z | 0         | active  | critical | yes      |
      | UTC              | 2026-03-29T00:00:00Z | -1        | expired |          | no       |

  Scenario: Coverage lines end each by its own rule
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a "Generator" aboard, whose hours are read
    And a warranty of 24 months on it, bought on 2025-06-10, whose maker's invoice is of 2025-03-31, with these lines:
      | coverage  | months | hours | months after invoice |
      | structure | 60     |       |                      |
      | parts     | 36     | 500   |                      |
      | labour    | 24     |       | 11                   |
      | windings  |        | 1000  |                      |
    Then its lines end so:
      | coverage  | until      | by      | status  |
      | structure | 2030-06-10 | months  | active  |
      | parts     | 2028-06-10 | months  | active  |
      | labour    | 2026-02-28 | invoice | expired |
      | windings  |            |         | active  |
    When its meter is read: 520 hours on 2026-04-20
    Then its lines end so:
      | coverage  | until      | by      | status  |
      | structure | 2030-06-10 | months  | active  |
      | parts     | 2026-04-20 | hours   | expired |
      | labour    | 2026-02-28 | invoice | expired |
      | windings  |            |         | active  |
    When its meter is read: 1003 hours on 2026-05-01
    Then its lines end so:
      | coverage  | until      | by      | status  |
      | structure | 2030-06-10 | months  | active  |
      | parts     | 2026-04-20 | hours   | expired |
      | labour    | 2026-02-28 | invoice | expired |
      | windings  | 2026-05-01 | hours   | active  |
    And it covers until and including 2027-06-10
    And the line "structure" has reminders of its own, all due
    And the line "windings" has one left, on 2026-05-02

  Scenario: A void warranty keeps its reason
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a warranty of 12 months, bought on 2025-06-10
    When the captain calls it void without a reason
    Then the answer is 400
    And the answer names body.void_reason
    When the captain calls it void because "raced in the winter series"
    Then the answer is 200
    And it is void because "raced in the winter series", and no reminder is left
    When the captain changes its months to 36
    Then it is void because "raced in the winter series", and no reminder is left
    When the captain writes it anew with 24 months
    Then it is void because "raced in the winter series", and no reminder is left
    And it is listed only among the void
    When the captain calls it active again
    Then it is active without a reason, and all reminders are due

  Scenario: A claim moves from draft to refused with an appeal date
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a warranty of 24 months, bought on 2025-06-10
    When the captain begins a claim to the dealer "Harbour Engines"
    Then the claim is draft, and may become: sent, closed
    When the captain moves the claim to refused
    Then the answer is 409
    And it says what may follow: sent, closed
    When the captain makes the package of the claim
    Then the log of the claim has it as prepared, with its SHA-256
    When on 2026-05-04 the captain records that the package was sent by email
    And the captain moves the claim to sent
    Then the claim is sent, and may become: acknowledged, inspection, accepted, partly, refused, closed
    And it is claimed, and no reminder is left
    When on 2026-05-11 the captain moves the claim to acknowledged with the case number "RMA 4711"
    Then the claim is acknowledged, and may become: inspection, accepted, partly, refused, closed
    When on 2026-05-20 the captain moves the claim to refused
    Then the answer is 400
    And the answer names body.refusal_reason
    When the captain records the answer "Not covered: wear and tear."
    And the captain moves the claim to refused because "wear and tear", with an appeal until 2026-06-19
    Then the answer is 200
    And the claim keeps "wear and tear", 2026-06-19 and "RMA 4711"
    And its history is:
      | state        | on         |
      | draft        | 2026-05-01 |
      | sent         | 2026-05-04 |
      | acknowledged | 2026-05-11 |
      | refused      | 2026-05-20 |
    And its log is:
      | on         | direction | channel | what                        |
      | 2026-05-01 | prepared  | package | Claim package               |
      | 2026-05-04 | sent      | email   | the package                 |
      | 2026-05-20 | received  | email   | Not covered: wear and tear. |
    And the package that was prepared is the one that was sent
    And it is claimed, and no reminder is left
    When on 2026-06-25 the captain moves the claim to closed
    Then it is active without a reason, and all reminders are due

  Scenario: Terms are proposed with source and applied only on request
    Given a signed-in captain with a boat, in the morning of 2026-05-01
    And a warranty of 12 months by "Raymarine" on the "Chart plotter", bought on 2025-06-10
    Then these terms are proposed:
      | maker     | coverage | months | edition         |
      | Raymarine | standard | 24     | from 1 Jul 2017 |
      | Raymarine | extended | 36     | from 1 Jul 2017 |
    And each of them names its source
    And it covers until and including 2026-06-10
    And nothing says that it has its terms from elsewhere
    When the captain applies the "standard" terms
    Then the answer is 200
    And it covers until and including 2027-06-10
    And it says that its terms are those of "Raymarine", "standard" and "from 1 Jul 2017"
    When the captain applies the "extended" terms as a line
    Then it covers until and including 2027-06-10
    And its lines end so:
      | coverage | until      | by     | status |
      | extended | 2028-06-10 | months | active |
    When the captain applies the terms of an outboard
    Then the answer is 404
    And it covers until and including 2027-06-10
